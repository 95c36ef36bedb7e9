// AwaitResult: what `co_await std::declval<A>()` gives, for concepts that name awaitables.
#pragma once

#include <utility>

namespace tau::detail {

template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return std::forward<A>(awaitable);
  }
}

template <class A>
using AwaitResult = decltype(awaiter_of(std::declval<A>()).await_resume());

/// Awaiting an A gives an R.
template <class A, class R>
concept AwaitsTo = requires {
  requires std::same_as<AwaitResult<A>, R>;
};

}  // namespace tau::detail
