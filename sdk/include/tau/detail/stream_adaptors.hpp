// What a Stream's adaptors and endings do: each is a coroutine that owns the stream it takes from.
//
// Those that look at one item after the other pull() it; those that wait for something else meanwhile ask by
// next(). No stream is asked in both ways at once.
#pragma once

#include "../join.hpp"
#include "../select.hpp"
#include "../stream/stream.hpp"
#include "../timeout.hpp"
#include "in_flight.hpp"

namespace tau {
namespace detail::streams {

template <class T, class F>
Stream<Called<F, T>> map(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) co_yield f(std::move(*item));
}

template <class T, class F>
Stream<T> filter(Stream<T> in, F keep) {
  while (T* item = co_await pull(in)) {
    if (keep(std::as_const(*item))) co_yield std::move(*item);
  }
}

template <class T, class F>
Stream<typename Called<F, T>::value_type> filter_map(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) {
    auto mapped = f(std::move(*item));
    if (mapped) co_yield *std::move(mapped);
  }
}

template <class T, class F>
Stream<typename TaskOf<Called<F, T>>::type> then(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) {
    auto task = f(std::move(*item));
    co_yield co_await std::move(task);
  }
}

template <class T>
Stream<T> take(Stream<T> in, std::size_t count) {
  for (; count != 0; --count) {
    T* item = co_await pull(in);
    if (!item) co_return;
    co_yield std::move(*item);
  }
}

template <class T, class F>
Stream<T> take_while(Stream<T> in, F go_on) {
  while (T* item = co_await pull(in)) {
    if (!go_on(std::as_const(*item))) co_return;
    co_yield std::move(*item);
  }
}

template <class T>
Stream<T> skip(Stream<T> in, std::size_t count) {
  while (T* item = co_await pull(in)) {
    if (count != 0) {
      --count;
    } else {
      co_yield std::move(*item);
    }
  }
}

template <class T, class F>
Stream<T> skip_while(Stream<T> in, F skip) {
  bool skipping = true;
  while (T* item = co_await pull(in)) {
    skipping = skipping && skip(std::as_const(*item));
    if (!skipping) co_yield std::move(*item);
  }
}

template <class T>
Stream<std::pair<std::size_t, T>> enumerate(Stream<T> in) {
  std::size_t number = 0;
  while (T* item = co_await pull(in)) {
    std::pair<std::size_t, T> numbered(number++, std::move(*item));
    co_yield std::move(numbered);
  }
}

template <class T>
Stream<T> chain(Stream<T> first, Stream<T> after) {
  while (T* item = co_await pull(first)) co_yield std::move(*item);
  first = Stream<T>();
  while (T* item = co_await pull(after)) co_yield std::move(*item);
}

template <class T>
Stream<T> merge(Stream<T> left, Stream<T> right) {
  for (;;) {
    auto first = co_await tau::select(left.next(), right.next());
    const bool from_left = first.index() == 0;
    std::optional<T>& item = from_left ? std::get<0>(first) : std::get<1>(first);
    if (!item) {
      if (from_left) left = std::move(right);
      break;
    }
    co_yield *std::move(item);
  }
  while (auto item = co_await left.next()) co_yield *std::move(item);
}

template <class T, class U>
Stream<std::pair<T, U>> zip(Stream<T> left, Stream<U> right) {
  for (;;) {
    auto [one, other] = co_await tau::join(left.next(), right.next());
    if (!one || !other) co_return;
    std::pair<T, U> both(*std::move(one), *std::move(other));
    co_yield std::move(both);
  }
}

template <class T>
Stream<std::vector<T>> chunks(Stream<T> in, std::size_t size) {
  std::vector<T> chunk;
  while (T* item = co_await pull(in)) {
    if (chunk.empty()) chunk.reserve(size);
    chunk.push_back(std::move(*item));
    if (chunk.size() < size) continue;
    co_yield std::move(chunk);
    chunk = std::vector<T>();
  }
  if (!chunk.empty()) co_yield std::move(chunk);
}

template <class T>
Stream<T> throttle(Stream<T> in, Duration period) {
  TimePoint next = TimePoint::min();
  while (T* item = co_await pull(in)) {
    if (Clock::now() < next) co_await sleep_until(next);
    next = Clock::now() + period;
    co_yield std::move(*item);
  }
}

template <class T>
Stream<Result<T>> timeout(Stream<T> in, Duration limit) {
  for (;;) {
    Result<std::optional<T>> item = co_await tau::timeout(limit, in.next());
    if (!item) {
      co_yield Result<T>(item.error());
    } else if (*item) {
      co_yield Result<T>(**std::move(item));
    } else {
      co_return;
    }
  }
}

template <class T>
Stream<T> buffered(Stream<Task<T>> in, std::size_t most, bool in_order) {
  InFlight<Task<T>> running(in_order);
  bool more = true;
  for (;;) {
    if (more && running.size() < most) {
      if (running.empty()) {
        auto task = co_await in.next();
        if (!task) co_return;
        running.add(*std::move(task));
        continue;
      }
      auto first = co_await tau::select(running.next(), in.next());
      if (first.index() == 1) {
        auto& task = std::get<1>(first);
        more = task.has_value();
        if (more) running.add(*std::move(task));
        continue;
      }
    } else if (running.empty()) {
      co_return;
    } else {
      co_await running.next();
    }
    co_yield running.take();
  }
}

template <class T, class F>
Stream<Result<Called<F, T>>> map_ok(Stream<Result<T>> in, F f) {
  while (Result<T>* item = co_await pull(in)) {
    if (*item) {
      co_yield Result<Called<F, T>>(f(*std::move(*item)));
    } else {
      co_yield Result<Called<F, T>>(item->error());
    }
  }
}

template <class T, class F>
Stream<T> try_filter(Stream<T> in, F keep) {
  while (T* item = co_await pull(in)) {
    if (!*item || keep(std::as_const(**item))) co_yield std::move(*item);
  }
}

template <class T>
Task<std::vector<T>> collect(Stream<T> in) {
  std::vector<T> items;
  while (T* item = co_await pull(in)) items.push_back(std::move(*item));
  co_return std::move(items);
}

template <class T, class F>
Task<void> for_each(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) {
    if constexpr (requires { typename TaskOf<Called<F, T>>::type; }) {
      auto task = f(std::move(*item));
      co_await std::move(task);
    } else {
      f(std::move(*item));
    }
  }
}

template <class T, class State, class F>
Task<State> fold(Stream<T> in, State state, F f) {
  while (T* item = co_await pull(in)) state = f(std::move(state), std::move(*item));
  co_return std::move(state);
}

template <class T>
Task<std::size_t> count(Stream<T> in) {
  std::size_t items = 0;
  while (co_await pull(in)) ++items;
  co_return items;
}

template <class T, class F>
Task<bool> any(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) {
    if (f(std::as_const(*item))) co_return true;
  }
  co_return false;
}
template <class T, class F>
Task<bool> all(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) {
    if (!f(std::as_const(*item))) co_return false;
  }
  co_return true;
}

template <class T>
Task<Result<std::vector<T>>> try_collect(Stream<Result<T>> in) {
  std::vector<T> items;
  while (Result<T>* item = co_await pull(in)) {
    if (!*item) co_return item->error();
    items.push_back(*std::move(*item));
  }
  co_return std::move(items);
}

template <class T, class F>
Task<Result<void>> try_for_each(Stream<T> in, F f) {
  while (T* item = co_await pull(in)) {
    Result<void> outcome;
    if constexpr (is_result_item<T>) {
      if (!*item) co_return item->error();
      outcome = f(*std::move(*item));
    } else {
      outcome = f(std::move(*item));
    }
    if (!outcome) co_return outcome;
  }
  co_return Result<void>();
}

template <class T, class State, class F>
Task<Result<State>> try_fold(Stream<T> in, State state, F f) {
  while (T* item = co_await pull(in)) {
    if constexpr (is_result_item<T>) {
      if (!*item) co_return item->error();
      Result<State> next = f(std::move(state), *std::move(*item));
      if (!next) co_return std::move(next);
      state = *std::move(next);
    } else {
      Result<State> next = f(std::move(state), std::move(*item));
      if (!next) co_return std::move(next);
      state = *std::move(next);
    }
  }
  co_return std::move(state);
}

}  // namespace detail::streams

}  // namespace tau
