// copy_bidirectional: what a proxy does.
#pragma once

#include <cerrno>
#include <cstdint>
#include <tuple>
#include <utility>

#include "../join.hpp"
#include "copy.hpp"

namespace tau::detail {

template <class From, class To>
Task<Result<std::uint64_t>> copy_and_shut_down(From& from, To& to) {
  Result<std::uint64_t> count = co_await io::copy(from, to);
  if (!count) co_return count;
  Result<void> ended = co_await io::shutdown(to);
  // Who is gone already need not be told.
  if (!ended && ended.error() != Error::system(ENOTCONN)) co_return ended.error();
  co_return count;
}

}  // namespace tau::detail

namespace tau::io {

/// Copies in both directions at once. When one side ends, the other is told (shutdown) and goes on in its own
/// direction; returns when both have ended. Returns how much went from `a` to `b` and from `b` to `a`.
///
/// Errors: the first one, of either direction; the other direction is cancelled.
/// See: tokio::io::copy_bidirectional
template <class A, class B>
  requires Reader<A> && Writer<A> && Reader<B> && Writer<B>
Task<Result<std::pair<std::uint64_t, std::uint64_t>>> copy_bidirectional(A& a, B& b) {
  auto both = try_join(detail::copy_and_shut_down(a, b), detail::copy_and_shut_down(b, a));
  auto counts = co_await std::move(both);
  if (!counts) co_return counts.error();
  co_return std::pair(std::get<0>(*counts), std::get<1>(*counts));
}

}  // namespace tau::io
