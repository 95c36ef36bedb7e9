// AsyncFd: readiness of a descriptor that somebody else's code reads and writes.
#pragma once

#include <tau/rt/io.h>

#include <cerrno>
#include <utility>

#include "spawn.hpp"

namespace tau {

/// Which directions are waited for, and which were found ready. Combinable.
enum class Ready : std::uint32_t {
  none = 0,
  readable = TAU_IN,
  writable = TAU_OUT,
  priority = TAU_PRI,
  error = TAU_ERR,
  hang_up = TAU_HUP,
  read_closed = TAU_RDHUP,
};
constexpr Ready operator|(Ready a, Ready b) noexcept {
  return static_cast<Ready>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool operator&(Ready a, Ready b) noexcept {
  return static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b);
}

/// A descriptor registered with the reactor.
///
/// Ownership: the descriptor stays the caller's: non-blocking, and open until the AsyncFd is gone.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::io::unix::AsyncFd
class AsyncFd {
 public:
  /// Errors: EPERM for a regular file (always ready), EBADF, Errc::unloading.
  static Result<AsyncFd> create(int fd) noexcept {
    tau_fd handle = 0;
    std::int32_t status = tau_fd_register(detail::module_owner(), fd, &handle);
    if (status < 0) return Error::from_status(status);
    return AsyncFd(fd, handle);
  }
  AsyncFd(AsyncFd&& other) noexcept : fd_(other.fd_), handle_(std::exchange(other.handle_, 0)) {}
  AsyncFd& operator=(AsyncFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.fd_;
      handle_ = std::exchange(other.handle_, 0);
    }
    return *this;
  }
  ~AsyncFd() { reset(); }

  int fd() const noexcept { return fd_; }

  /// `Result<Ready> r = co_await fd.ready(interest);` Answers at once while readiness is remembered:
  /// call clear_ready() when the descriptor says EAGAIN. Errors: Errc::closed, Errc::stale.
  auto ready(Ready interest) noexcept { return Wait(handle_, interest); }
  auto readable() noexcept { return ready(Ready::readable); }
  auto writable() noexcept { return ready(Ready::writable); }
  void clear_ready(Ready events) noexcept { tau_fd_clear(handle_, static_cast<std::uint32_t>(events)); }

  /// Calls `attempt` until it has no EAGAIN to tell, waiting for `interest` in between. `attempt`
  /// returns what read(2) does: -1 with errno on failure.
  template <class F>
  Task<Result<std::size_t>> async_io(Ready interest, F attempt) {
    for (;;) {
      auto result = attempt();
      if (result >= 0) co_return static_cast<std::size_t>(result);
      int error = errno;
      if (error == EINTR) continue;
      if (error != EAGAIN && error != EWOULDBLOCK) co_return Error::system(error);
      clear_ready(interest);
      Result<Ready> woken = co_await ready(interest);
      if (!woken) co_return woken.error();
    }
  }

 private:
  class [[nodiscard]] Wait : tau_fd_wait {
   public:
    Wait(tau_fd handle, Ready wanted) noexcept : tau_fd_wait{}, handle_(handle) {
      interest = static_cast<std::uint32_t>(wanted);
    }
    Wait(Wait&& other) noexcept : Wait(other.handle_, static_cast<Ready>(other.interest)) {}
    ~Wait() {
      if (previous) tau_fd_wait_cancel(this);
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      waiter_.set(suspended);
      done = [](tau_fd_wait* self) { static_cast<Wait*>(self)->waiter_.wake(); };
      owner = detail::module_owner();
      std::int32_t status = tau_fd_wait_ready(handle_, this);
      if (status == TAU_PENDING) return true;
      if (status < 0) result = status;
      return detail::suspend_if_exhausted(suspended);
    }
    Result<Ready> await_resume() const noexcept {
      if (result < 0) return Error::from_status(result);
      return static_cast<Ready>(result);
    }

   private:
    tau_fd handle_;
    detail::Waiter waiter_;
  };

  AsyncFd(int fd, tau_fd handle) noexcept : fd_(fd), handle_(handle) {}
  void reset() noexcept {
    if (handle_) tau_fd_deregister(std::exchange(handle_, 0));
  }

  int fd_;
  tau_fd handle_;
};

}  // namespace tau
