// Waiting until the other end is closed.
#pragma once

#include <coroutine>

#include "core.hpp"

namespace tau::detail::sync {

/// For a state with `closed()` and a list `until_closed`, which is told with Stage::ended.
template <class State>
class [[nodiscard("the end is waited for by co_await")]] UntilClosed : public Place<State> {
 public:
  explicit UntilClosed(State* state) noexcept : Place<State>(state) {}
  ~UntilClosed() { done(); }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (!this->state_) return suspend_if_exhausted(suspended);
    Hold hold(*this->state_, true);
    if (this->state_->closed()) return suspend_if_exhausted(suspended);
    this->enter_waiting(suspended);
    this->state_->until_closed.push_back(*this);
    return true;
  }
  void await_resume() noexcept { done(); }

 private:
  void done() noexcept {
    if (this->stage != Stage::idle) this->exit([](Hold&, Stage) {});
  }
};

}  // namespace tau::detail::sync
