// Events: publish by name to whoever has subscribed, in whichever plugin.
//
//   auto ticks = tau::event::subscribe<Tick>("ticks");
//   while (ticks) {
//     tau::Result<Tick> tick = co_await ticks->next();
//     ...
//   }
//
// Publishing never waits: each subscription has a queue of its own, of a bounded length, in the
// subscriber's memory. When it is full the oldest event is dropped and counted, and the subscriber is
// told so once, in place of the event that is missing: Errc::lagged, with the number in lagged(), as
// tokio's broadcast does. The alternative, making publishers wait for the slowest, would let one plugin
// stop another.
#pragma once

#include <tau/rt/event.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "detail/context.hpp"
#include "detail/module.hpp"
#include "detail/transferable.hpp"
#include "detail/type_id.hpp"
#include "result.hpp"

namespace tau::event {

template <class T>
class Next;

namespace detail {

/// A subscription's queue; it stays at one address while the Subscription moves.
template <class T>
struct Queue : tau_subscription {
  std::deque<T> events;
  std::size_t capacity;
  std::uint64_t dropped = 0;  // not yet told of
  std::uint64_t lagged = 0;   // told of last
  Next<T>* waiting = nullptr;

  explicit Queue(std::size_t most) noexcept : tau_subscription{}, capacity(most) {
    owner = tau::detail::module_owner();
    deliver = [](tau_subscription* self, const void* object) {
      static_cast<Queue*>(self)->add(*static_cast<const T*>(object));
    };
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() {
    tau_event_unsubscribe(this);
    if (waiting != nullptr) waiting->close();
  }

  bool ready() const noexcept { return dropped != 0 || !events.empty(); }

  /// The lag first: it stands where the missing events would.
  Result<T> pop() {
    if (dropped != 0) {
      lagged = std::exchange(dropped, 0);
      return Errc::lagged;
    }
    Result<T> first(std::move(events.front()));
    events.pop_front();
    return first;
  }

 private:
  void add(const T& event) noexcept {
    try {
      if (events.size() == capacity) {
        events.pop_front();
        ++dropped;
      }
      events.push_back(event);
    } catch (...) {
      ++dropped;  // it could not be copied: out of memory
    }
    if (waiting != nullptr) waiting->wake();
  }
};

}  // namespace detail

/// Awaitable returned by Subscription::next().
template <class T>
class [[nodiscard("an event is waited for by co_await")]] Next {
 public:
  explicit Next(detail::Queue<T>* queue) noexcept : queue_(queue) {}
  /// Until it is awaited.
  Next(Next&& other) noexcept : queue_(other.queue_) {}
  Next& operator=(Next&&) = delete;
  ~Next() { withdraw(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    if (queue_ == nullptr) return false;
    if (queue_->waiting != nullptr) {
      busy_ = true;
      return false;
    }
    queue_->waiting = this;
    waiter_.set(suspended);
    if (!queue_->ready()) return true;
    return tau::detail::suspend_if_exhausted(suspended);
  }
  Result<T> await_resume() {
    if (busy_) return Errc::busy;
    if (queue_ == nullptr) return Errc::closed;
    withdraw();
    return queue_->pop();
  }

 private:
  friend struct detail::Queue<T>;

  void wake() noexcept { waiter_.wake(); }
  void close() noexcept {
    queue_ = nullptr;
    waiter_.wake();
  }
  void withdraw() noexcept {
    if (queue_ != nullptr && queue_->waiting == this) queue_->waiting = nullptr;
  }

  detail::Queue<T>* queue_;
  tau::detail::Waiter waiter_;
  bool busy_ = false;
};

/// The receiving end of a topic.
///
/// Ownership: of its queue; destroying it unsubscribes, and a next() that waits reads Errc::closed.
/// Threading: [loop]
/// Unload:    [drained]
template <class T>
class [[nodiscard("dropping a Subscription unsubscribes")]] Subscription {
 public:
  /// Waits for the next event. `Result<T> event = co_await subscription.next();`
  ///
  /// Errors: Errc::lagged, once, where events were dropped; Errc::busy if another next() waits;
  ///         Errc::closed for a moved-from subscription.
  /// Cancel: an event is either returned or stays in the queue.
  Next<T> next() noexcept { return Next<T>(queue_.get()); }

  /// The same without waiting; empty if there is nothing.
  std::optional<Result<T>> try_next() {
    if (queue_ == nullptr) return Result<T>(Errc::closed);
    if (queue_->waiting != nullptr) return Result<T>(Errc::busy);
    if (!queue_->ready()) return std::nullopt;
    return queue_->pop();
  }

  /// How many events were dropped before the last Errc::lagged.
  std::uint64_t lagged() const noexcept { return queue_ == nullptr ? 0 : queue_->lagged; }
  /// Events that wait in the queue.
  std::size_t size() const noexcept { return queue_ == nullptr ? 0 : queue_->events.size(); }

 private:
  template <class U>
  friend Result<Subscription<U>> subscribe(std::string_view name, std::size_t capacity);

  explicit Subscription(std::unique_ptr<detail::Queue<T>> queue) noexcept : queue_(std::move(queue)) {}

  std::unique_ptr<detail::Queue<T>> queue_;
};

/// Subscribes to what is published under `name` from now on; at most `capacity` events wait.
///
/// Errors:    Errc::type_mismatch (the name carries another type), Errc::unloading, Errc::no_memory,
///            Errc::invalid (an empty name, a capacity of 0).
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::sync::broadcast
template <class T>
Result<Subscription<T>> subscribe(std::string_view name, std::size_t capacity = 64) {
  tau::detail::require_transferable<T>();
  static_assert(std::is_copy_constructible_v<T>, "each subscriber gets a copy of the event");
  if (capacity == 0) return Errc::invalid;
  auto queue = std::make_unique<detail::Queue<T>>(capacity);
  const std::int32_t status =
      tau_event_subscribe(queue.get(), name.data(), name.size(), tau::detail::type_id<T>);
  if (status < 0) return Error::from_status(status);
  return Subscription<T>(std::move(queue));
}

/// Gives each present subscriber a copy; returns how many there are. Never waits.
///
/// Errors:    Errc::type_mismatch, Errc::unloading, Errc::invalid (empty name), Errc::busy (publishing
///            from inside a copy constructor from inside ..., 64 deep).
/// Threading: [loop]
/// Unload:    [inert]: subscribers keep copies of their own, which is why T must be Transferable.
template <class T>
Result<std::size_t> publish(std::string_view name, const T& event) noexcept {
  tau::detail::require_transferable<T>();
  const std::int32_t told = tau_event_publish(tau::detail::module_owner(), name.data(), name.size(),
                                              tau::detail::type_id<T>, &event);
  if (told < 0) return Error::from_status(told);
  return static_cast<std::size_t>(told);
}

}  // namespace tau::event
