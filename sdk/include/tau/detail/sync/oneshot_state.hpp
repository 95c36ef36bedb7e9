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

  static void drop_sender(OneshotState* state) noexcept {
    leave_state(state, tau_on_loop_thread(), [state](Hold& hold) {
      state->sender_gone = true;
      hold.wake_all(state->receiving, Stage::granted);
    });
  }
  static void drop_receiver(OneshotState* state) noexcept {
    const bool on_loop = tau_on_loop_thread();
    bool left = false;
    leave_state(state, on_loop, [&](Hold& hold) {
      state->close(hold);
      left = state->value.has_value();
      state->refs += left;
    });
    if (!left) return;
    // Outside the lock. It is nobody else's: none is sent to a closed channel.
    state->value.reset();
    leave_state(state, on_loop, [](Hold&) {});
  }
};

template <class T>
class [[nodiscard("a value is received by co_await")]] OneshotRecv : public Onlooker<OneshotState<T>> {
 public:
  explicit OneshotRecv(OneshotState<T>* state) noexcept : Onlooker<OneshotState<T>>(state) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    OneshotState<T>& state = *this->state_;
    Hold hold(state, true);
    if (state.ready()) return this->stay(suspended);
    busy_ = !state.receiving.empty();
    return !busy_ && this->wait_in(state.receiving, suspended);
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
