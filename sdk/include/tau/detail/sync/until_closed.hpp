// Waiting until the other end is closed.
#pragma once

#include <coroutine>

#include "core.hpp"

namespace tau::detail::sync {

/// For a state with `closed()` and a list `until_closed`, which is told with Stage::ended.
template <class State>
class [[nodiscard("the end is waited for by co_await")]] UntilClosed : public Onlooker<State> {
 public:
  explicit UntilClosed(State* state) noexcept : Onlooker<State>(state) {}

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (!this->state_) return suspend_if_exhausted(suspended);
    Hold hold(*this->state_, true);
    return this->state_->closed() ? this->stay(suspended) : this->wait_in(this->state_->until_closed, suspended);
  }
  void await_resume() noexcept { this->leave(); }
};

}  // namespace tau::detail::sync
