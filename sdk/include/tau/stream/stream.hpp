// Stream: a coroutine that has many values, one at a time, for whoever asks for the next.
//
//   tau::Stream<Line> lines(tau::TcpStream peer) {
//     for (;;) {
//       tau::Result<Line> line = co_await read_line(peer);
//       if (!line) co_return;
//       co_yield *std::move(line);
//     }
//   }
//   while (auto line = co_await stream.next()) ...
//
// It runs only while somebody waits in next(), which is all there is to back-pressure. What it waits for
// itself it waits for in a context of its own, in its frame (branch.hpp has the idea): so next() may be
// dropped at any moment, by select() or a timeout, while the stream is in the middle of something. What
// happens meanwhile is remembered, and the next next() goes on from there: no item is lost.
//
// An adaptor owns the stream that it takes from and goes only together with it, so there it needs no
// context in between: pull() runs the stream in the adaptor's own, by a plain call while items are ready.
//
// Adaptors are members, not pipes: `co_await stream | collect()` means `(co_await stream) | collect()`.
// Each is a coroutine of its own (adaptors.hpp), so streams of one item type have one type.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "../detail/stream_promise.hpp"
#include "../result.hpp"
#include "../sleep.hpp"
#include "../task.hpp"

namespace tau {

/// A coroutine that yields items of type T.
///
/// `std::optional<T> item = co_await stream.next();` is empty at the end, and ever after. An exception
/// leaves through next(), after which the stream has ended; an expected failure is an item, a Result.
/// Adaptors take the stream over: they are called on a temporary, or on std::move(stream). A callable
/// that owns something is given by its name (GCC 12), and copied.
///
/// Ownership: owns its frame; move-only. One next() at a time; dropping it loses no item.
/// Threading: created on any thread; everything else [loop]
/// Unload:    [drained], with the task that holds it.
/// See:       tokio_stream::Stream, async_stream::stream!
template <class T>
class [[nodiscard("a Stream does nothing until its next() is awaited")]] Stream {
  static_assert(!std::is_reference_v<T> && !std::is_void_v<T>, "a Stream has values");

 public:
  struct promise_type : detail::StreamPromiseOf<T> {};
  using Handle = std::coroutine_handle<promise_type>;
  using value_type = T;

  Stream() noexcept = default;
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Stream() { reset(); }
  explicit Stream(Handle handle) noexcept : handle_(handle) { handle.promise().self_ = handle.address(); }

  /// The next item, or nothing at the end.
  detail::Next<T> next() noexcept { return detail::Next<T>(promise()); }

  // ---- adaptors; what they do is what tokio_stream::StreamExt and futures do ----

  /// f(item) of each.
  template <detail::StreamCallable F>
  Stream<detail::Called<F, T>> map(F&& f) &&;
  /// Those for which keep(const item&) is true.
  template <detail::StreamCallable F>
  Stream filter(F&& keep) &&;
  /// The values of f(item), a std::optional, where there is one.
  template <detail::StreamCallable F>
  Stream<typename detail::Called<F, T>::value_type> filter_map(F&& f) &&;
  /// `co_await f(item)` of each, one after the other.
  template <detail::StreamCallable F>
  Stream<typename detail::TaskOf<detail::Called<F, T>>::type> then(F&& f) &&;
  /// The first `count`; asks for no more.
  Stream take(std::size_t count) &&;
  /// All before the first for which go_on(const item&) is false.
  template <detail::StreamCallable F>
  Stream take_while(F&& go_on) &&;
  Stream skip(std::size_t count) &&;
  template <detail::StreamCallable F>
  Stream skip_while(F&& skip) &&;
  /// With numbers from 0.
  Stream<std::pair<std::size_t, T>> enumerate() &&;
  /// Then those of `after`.
  Stream chain(Stream after) &&;
  /// Of both as they come, in turns where both are ready; ends when both have.
  Stream merge(Stream other) &&;
  /// In pairs, waiting for both at once; ends when one does.
  template <class U>
  Stream<std::pair<T, U>> zip(Stream<U> other) &&;
  /// In vectors of `size`, the last one shorter.
  Stream<std::vector<T>> chunks(std::size_t size) &&;
  /// At most one in `period`: each waits until that long after the one before.
  Stream throttle(Duration period) &&;
  /// Errc::timed_out in place of an item that takes longer than `limit`; the wait for it goes on.
  Stream<Result<T>> timeout(Duration limit) &&;
  /// Of a stream of Tasks: what they return, in order, at most `count` of them running at once.
  auto buffered(std::size_t count) &&;
  /// The same in the order in which they end.
  auto buffer_unordered(std::size_t count) &&;

  // ---- of Results: errors pass, untouched ----

  template <detail::StreamCallable F>
  auto map_ok(F&& f) &&;
  template <detail::StreamCallable F>
  Stream try_filter(F&& keep) &&;

  // ---- to the end ----

  Task<std::vector<T>> collect() &&;
  template <detail::StreamCallable F>
  Task<void> for_each(F&& f) &&;
  /// state = f(state, item) of each.
  template <class State, detail::StreamCallable F>
  Task<State> fold(State state, F&& f) &&;
  Task<std::size_t> count() &&;
  /// Stops at the first item that decides.
  template <detail::StreamCallable F>
  Task<bool> any(F&& f) &&;
  template <detail::StreamCallable F>
  Task<bool> all(F&& f) &&;

  // Of Results, or with a callable that returns one: the first Error ends it and is returned.
  auto try_collect() &&;
  template <detail::StreamCallable F>
  Task<Result<void>> try_for_each(F&& f) &&;
  template <class State, detail::StreamCallable F>
  Task<Result<State>> try_fold(State state, F&& f) &&;

 private:
  template <class U>
  friend detail::Pull<U> detail::pull(Stream<U>&) noexcept;

  promise_type* promise() const noexcept { return handle_ ? &handle_.promise() : nullptr; }
  void reset() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  Handle handle_;
};

namespace detail {
template <class T>
Stream<T> StreamPromiseOf<T>::get_return_object() noexcept {
  using Promise = typename Stream<T>::promise_type;
  return Stream<T>(std::coroutine_handle<Promise>::from_promise(static_cast<Promise&>(*this)));
}
}  // namespace detail

}  // namespace tau

#include "adaptors.hpp"
