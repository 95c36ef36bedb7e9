// Where streams begin, when it is not a coroutine of one's own.
//
//   auto names = co_await tau::stream::iter(ids).then(look_up).collect();
//   auto jobs = tau::stream::receive(std::move(rx)).chunks(100);
#pragma once

#include <ranges>
#include <type_traits>
#include <utility>

#include "../interval.hpp"
#include "stream.hpp"

namespace tau {
namespace detail::streams {

template <class T, class Range>
Stream<T> iter(Range range) {
  for (auto&& item : range) {
    if constexpr (std::is_reference_v<decltype(*std::begin(range))> && !std::ranges::view<Range>) {
      co_yield std::move(item);
    } else {
      co_yield T(static_cast<decltype(item)>(item));
    }
  }
}

/// A channel's recv(), or a subscription's next().
template <class R>
auto receive_from(R& receiver) {
  if constexpr (requires { receiver.recv(); }) {
    return receiver.recv();
  } else {
    return receiver.next();
  }
}

/// What that returns, without its wrapping.
template <class R>
using Received =
    std::remove_cvref_t<typename AwaitedValue<decltype(receive_from(std::declval<R&>()))>::value_type>;

/// Whether an outcome says that nothing more will come.
template <class Outcome>
bool is_end(const Outcome& outcome) noexcept {
  if constexpr (is_result_item<Outcome>) {
    return !outcome && outcome.error() == Errc::closed;
  } else {
    return !outcome;
  }
}

}  // namespace detail::streams

namespace stream {

/// The elements of a range, which it takes: of a container they are moved out.
template <std::ranges::input_range Range>
Stream<std::ranges::range_value_t<Range>> iter(Range range) {
  return detail::streams::iter<std::ranges::range_value_t<Range>, Range>(std::move(range));
}

/// No item.
template <class T>
Stream<T> empty() {
  co_return;
}

/// One item.
template <class T>
Stream<T> once(T item) {
  co_yield std::move(item);
}

/// Ticks for ever; the first one is due at once. See: tau::Interval
inline Stream<TimePoint> interval(Duration period, MissedTick missed = MissedTick::burst) {
  Interval ticks(period, missed);
  for (;;) co_yield co_await ticks.tick();
}

/// What comes out of anything with recv() or next(), such as a channel's receiver, which it takes. It ends
/// where that returns an empty std::optional or an Error; try_receive() tells the errors apart.
template <class Receiver>
Stream<detail::streams::Received<Receiver>> receive(Receiver receiver) {
  for (;;) {
    auto received = co_await detail::streams::receive_from(receiver);
    if (!received) co_return;
    co_yield *std::move(received);
  }
}

/// The same with errors other than Errc::closed, such as Errc::lagged, as items.
template <class Receiver>
Stream<Result<detail::streams::Received<Receiver>>> try_receive(Receiver receiver) {
  for (;;) {
    auto received = co_await detail::streams::receive_from(receiver);
    if (detail::streams::is_end(received)) co_return;
    co_yield std::move(received);
  }
}

}  // namespace stream
}  // namespace tau
