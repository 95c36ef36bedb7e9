// What the two ends of a oneshot channel share.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "../../result.hpp"
#include "until_closed.hpp"

namespace tau::detail::sync {

template <class T>
struct OneshotState : Core {
  std::optional<T> value;
  WaitList receiving;     // at most one
  WaitList until_closed;
  bool sent = false;
  bool sender_gone = false;
  bool receiver_closed = false;

  /// With a reference for each end.
  OneshotState() noexcept : Core(2) {}

  bool closed() const noexcept { return receiver_closed; }
  /// A receiver need not wait: there is a value, or none will come.
  bool ready() const noexcept { return sent || sender_gone || receiver_closed; }

  /// Throws what T's move throws; the value is still there then.
  bool take_into(std::optional<T>& out) {
    if (!value) return false;
    out.emplace(std::move(*value));
    value.reset();
    return true;
  }

  void close(Hold& hold) noexcept {
    if (std::exchange(receiver_closed, true)) return;
    hold.wake_all(until_closed, Stage::ended);
    hold.wake_all(receiving, Stage::granted);
  }
};

template <class T>
class [[nodiscard("a value is received by co_await")]] OneshotRecv : public Place<OneshotState<T>> {
 public:
  explicit OneshotRecv(OneshotState<T>* state) noexcept : Place<OneshotState<T>>(state) {}
  ~OneshotRecv() {
    if (this->stage != Stage::idle) this->exit([](Hold&, Stage) {});
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    OneshotState<T>& state = *this->state_;
    Hold hold(state, true);
    if (!state.ready()) {
      busy_ = !state.receiving.empty();
      if (busy_) return false;
      this->enter_waiting(suspended);
      state.receiving.push_back(*this);
      return true;
    }
    this->enter(Stage::granted);
    return suspend_if_exhausted(suspended);
  }
  Result<T> await_resume() {
    if (busy_) return Errc::busy;
    std::optional<T> value;
    std::exception_ptr thrown;
    this->exit([&](Hold&, Stage) {
      try {
        this->state_->take_into(value);
      } catch (...) {
        thrown = std::current_exception();
      }
    });
    if (thrown) std::rethrow_exception(std::move(thrown));
    if (!value) return Errc::closed;
    return std::move(*value);
  }

 private:
  bool busy_ = false;
};

}  // namespace tau::detail::sync
