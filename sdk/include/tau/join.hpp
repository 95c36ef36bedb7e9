// Join: several awaitables at once, within one task, until all have ended.
//
//   auto [page, user] = co_await tau::join(fetch("/"), lookup(id));
//   tau::Result<std::tuple<Page, User>> both = co_await tau::try_join(fetch("/"), lookup(id));
//
// The branches take turns on the loop like everything else; nothing is spawned and nothing allocated,
// so they may refer to locals of the awaiting coroutine. spawn() is for what shall go on by itself.
#pragma once

#include <utility>
#include <vector>

#include "detail/join_awaiters.hpp"

namespace tau {

/// Awaits all of `awaitables` (Tasks, handles, any awaiter) and returns their values as a tuple;
/// std::monostate stands for void.
///
/// Errors:    an exception leaves once all have ended: that of the first branch, in order, that has one.
/// Ownership: takes what can be moved; the rest is borrowed until the full expression ends.
/// Threading: [loop]
/// Unload:    [drained]; destroying it at any moment destroys its branches (I7).
/// See:       tokio::join!
template <class... A>
detail::Join<A...> join(A&&... awaitables) {
  return detail::Join<A...>(std::forward<A>(awaitables)...);
}

/// Awaits all of `awaitables`, each of which ends with a Result, unless one fails.
///
/// Errors:    the first Error or exception, in time, destroys the other branches and is handed on.
/// See:       join(), tokio::try_join!
template <class... A>
detail::TryJoin<A...> try_join(A&&... awaitables) {
  return detail::TryJoin<A...>(std::forward<A>(awaitables)...);
}

/// join() for as many as there are: `std::vector<T> values = co_await join_all(std::move(tasks));`
/// in the order of `awaitables`, which is not the order in which they end. Waking one of many costs the
/// same as waking one of two. See: futures::future::join_all
template <class A>
detail::JoinAll<A> join_all(std::vector<A> awaitables) {
  return detail::JoinAll<A>(std::move(awaitables));
}

/// try_join() for as many as there are. See: futures::future::try_join_all
template <class A>
detail::TryJoinAll<A> try_join_all(std::vector<A> awaitables) {
  return detail::TryJoinAll<A>(std::move(awaitables));
}

}  // namespace tau
