// Select: several awaitables at once, within one task, until the first has ended.
//
//   auto first = co_await tau::select(socket.readable(), tau::sleep(5s));
//   if (first.index() == 1) ...timed out...
//
// The losers are destroyed before select() returns; that is how they are cancelled (I7). When none has
// ended yet they are started in turn, beginning with another one each time, and later the first to be
// woken is the first to run: nobody at the end of the list starves. select_biased() starts, and prefers,
// in the order written.
#pragma once

#include <utility>
#include <vector>

#include "detail/select_awaiters.hpp"

namespace tau {

/// Awaits the first of `awaitables` that ends: a std::variant whose index() says which; std::monostate
/// stands for void.
///
/// Errors:    an exception of the first one passes through.
/// Ownership: takes what can be moved; the rest is borrowed until the full expression ends. The losers
///            are destroyed, so await only what loses nothing by it.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::select!
template <class... A>
detail::Select<false, A...> select(A&&... awaitables) {
  return detail::Select<false, A...>(std::forward<A>(awaitables)...);
}
/// The same, preferring the earlier ones: who is always ready keeps the later ones waiting forever.
/// See: tokio::select! { biased; }
template <class... A>
detail::Select<true, A...> select_biased(A&&... awaitables) {
  return detail::Select<true, A...>(std::forward<A>(awaitables)...);
}

/// select() for branches of one type, where it does not matter which was first. See: futures_lite::race
template <class First, class... A>
detail::Race<false, First, A...> race(First&& first, A&&... others) {
  return detail::Race<false, First, A...>(std::forward<First>(first), std::forward<A>(others)...);
}
template <class First, class... A>
detail::Race<true, First, A...> race_biased(First&& first, A&&... others) {
  return detail::Race<true, First, A...>(std::forward<First>(first), std::forward<A>(others)...);
}

/// select() for as many as there are: `auto [which, value] = co_await select_all(std::move(tasks));`
/// None at all wait forever. See: futures::future::select_all
template <class A>
detail::SelectAll<false, A> select_all(std::vector<A> awaitables) {
  return detail::SelectAll<false, A>(std::move(awaitables));
}

}  // namespace tau
