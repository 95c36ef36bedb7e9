// Signals: what the system tells the process, told to a plugin.
//
//   auto hang_up = tau::signal::on(tau::signal::SignalKind::hangup());
//   while (hang_up && co_await hang_up->recv()) reload_settings();
//
// Any number of plugins may subscribe to one signal; each is told. From the first subscription on the signal
// does not end the process; when the last one has gone it does again what it did before. Arrivals that
// nobody has received yet are one.
//
// SIGINT and SIGTERM end the host all the same: subscribers are told, and then every plugin is unloaded.
#pragma once

#include <signal.h>
#include <tau/rt/signal.h>

#include <memory>
#include <utility>

#include "detail/enable_transferable.hpp"
#include "spawn.hpp"

namespace tau::signal {

/// Which signal. [inert] See: tokio::signal::unix::SignalKind
class SignalKind {
 public:
  static constexpr SignalKind from_raw(int number) noexcept { return SignalKind(number); }
  static constexpr SignalKind alarm() noexcept { return SignalKind(SIGALRM); }
  static constexpr SignalKind child() noexcept { return SignalKind(SIGCHLD); }
  static constexpr SignalKind hangup() noexcept { return SignalKind(SIGHUP); }
  static constexpr SignalKind interrupt() noexcept { return SignalKind(SIGINT); }
  static constexpr SignalKind io() noexcept { return SignalKind(SIGIO); }
  static constexpr SignalKind pipe() noexcept { return SignalKind(SIGPIPE); }
  static constexpr SignalKind quit() noexcept { return SignalKind(SIGQUIT); }
  static constexpr SignalKind terminate() noexcept { return SignalKind(SIGTERM); }
  static constexpr SignalKind user_defined1() noexcept { return SignalKind(SIGUSR1); }
  static constexpr SignalKind user_defined2() noexcept { return SignalKind(SIGUSR2); }
  static constexpr SignalKind window_change() noexcept { return SignalKind(SIGWINCH); }

  constexpr int raw() const noexcept { return number_; }
  friend constexpr bool operator==(SignalKind, SignalKind) noexcept = default;

 private:
  constexpr explicit SignalKind(int number) noexcept : number_(number) {}
  int number_;
};

namespace detail {

/// A subscription and whoever waits at it; it stays at one address while the Signal moves.
struct Source : tau_signal {
  class Recv* waiting = nullptr;
  bool came = false;

  explicit Source(int wanted) noexcept : tau_signal{} {
    owner = tau::detail::module_owner();
    number = wanted;
    deliver = [](tau_signal* self) { static_cast<Source*>(self)->arrived(); };
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  inline ~Source();
  inline void arrived() noexcept;
};

/// Awaitable returned by Signal::recv().
class [[nodiscard("a signal is waited for by co_await")]] Recv {
 public:
  explicit Recv(Source* source) noexcept : source_(source) {}
  Recv(const Recv&) = delete;
  Recv& operator=(const Recv&) = delete;
  ~Recv() { withdraw(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (source_ == nullptr) return false;
    if (source_->waiting != nullptr) {
      busy_ = true;
      return false;
    }
    source_->waiting = this;
    waiter_.set(suspended);
    return !source_->came || tau::detail::suspend_if_exhausted(suspended);
  }
  Result<void> await_resume() noexcept {
    if (busy_) return Errc::busy;
    if (source_ == nullptr) return Errc::closed;
    source_->came = false;
    return {};
  }

 private:
  friend struct Source;

  void withdraw() noexcept {
    if (source_ != nullptr && source_->waiting == this) source_->waiting = nullptr;
  }

  Source* source_;
  tau::detail::Waiter waiter_;
  bool busy_ = false;
};

inline void Source::arrived() noexcept {
  came = true;
  if (waiting != nullptr) waiting->waiter_.wake();
}

inline Source::~Source() {
  tau_signal_unsubscribe(this);
  if (waiting == nullptr) return;
  waiting->source_ = nullptr;
  waiting->waiter_.wake();
}

}  // namespace detail

/// A subscription to one signal.
///
/// Ownership: destroying it unsubscribes, and a recv() that waits reads Errc::closed.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::signal::unix::Signal
class [[nodiscard("dropping a Signal unsubscribes")]] Signal {
 public:
  /// Waits until the signal has come since the last time. `co_await signal.recv();`
  ///
  /// Errors: Errc::busy if another recv() waits; Errc::closed for a moved-from Signal.
  /// Cancel: an arrival is either received or kept for the next recv().
  detail::Recv recv() noexcept { return detail::Recv(source_.get()); }

  SignalKind kind() const noexcept { return SignalKind::from_raw(source_ ? source_->number : 0); }

 private:
  friend Result<Signal> on(SignalKind kind);
  explicit Signal(std::unique_ptr<detail::Source> source) noexcept : source_(std::move(source)) {}

  std::unique_ptr<detail::Source> source_;
};

/// Subscribes to a signal, from now on.
///
/// Errors:    Errc::unsupported for SIGKILL, SIGSTOP and the faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT);
///            Errc::invalid, no such signal; Errc::unloading.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::signal::unix::signal, host/signal/hub.hpp
inline Result<Signal> on(SignalKind kind) {
  auto source = std::make_unique<detail::Source>(kind.raw());
  const std::int32_t status = tau_signal_subscribe(source.get());
  if (status < 0) return Error::from_status(status);
  return Signal(std::move(source));
}

/// Waits for SIGINT. The subscription begins when this is awaited, and ends with it.
///
/// Errors:    as on().
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::signal::ctrl_c
inline Task<Result<void>> ctrl_c() {
  auto interrupt = on(SignalKind::interrupt());
  if (!interrupt) co_return interrupt.error();
  co_return co_await interrupt->recv();
}

}  // namespace tau::signal

template <>
inline constexpr bool tau::enable_transferable<tau::signal::SignalKind> = true;
