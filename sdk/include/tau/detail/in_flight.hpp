// InFlight: awaitables that run at once while somebody waits for the next result; more may join them.
//
// A Driver that outlives each wait: what is woken meanwhile stays on its list until somebody waits again.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "awaited.hpp"

namespace tau::detail {

template <class A>
class InFlight : Driver {
 public:
  using Value = typename Awaited<A>::Value;

  /// `in_order`: results come in the order in which the awaitables were added.
  explicit InFlight(bool in_order) noexcept : Driver(&ended), in_order_(in_order) {}
  ~InFlight() {
    close();
    while (head_) delete remove(head_);
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// It starts at the next wait.
  void add(A&& awaitable) {
    auto* entry = new Entry(std::move(awaitable));
    entry->previous = tail_;
    (tail_ ? tail_->next : head_) = entry;
    tail_ = entry;
    if (!unstarted_) unstarted_ = entry;
    ++size_;
  }

  /// Waits until take() has something; not of an empty one. Dropping the wait loses nothing.
  auto next() noexcept { return Next(*this); }

  /// The next result, once next() has returned.
  Value take() {
    Entry* entry = in_order_ ? head_ : std::exchange(ended_head_, ended_head_->next_ended);
    if (!ended_head_) ended_tail_ = nullptr;
    const std::unique_ptr<Entry> taken(remove(entry));
    return taken->take();
  }

 private:
  struct Entry : Awaited<A> {
    using Awaited<A>::Awaited;
    Entry* previous = nullptr;
    Entry* next = nullptr;
    Entry* next_ended = nullptr;
  };

  class [[nodiscard]] Next {
   public:
    explicit Next(InFlight& all) noexcept : all_(all) {}
    Next(Next&& other) noexcept : Next(other.all_) {}
    ~Next() {
      if (waits_) all_.rest();
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      return waits_ = all_.wait(suspended);
    }
    void await_resume() noexcept { waits_ = false; }

   private:
    InFlight& all_;
    bool waits_ = false;
  };

  template <class Promise>
  bool wait(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    while (Entry* entry = unstarted_) {
      unstarted_ = entry->next;
      start(*entry, 0, [entry] { entry->start(); });
    }
    if (has_result()) {
      rest();
      return false;
    }
    suspend();
    return true;
  }

  bool has_result() const noexcept { return in_order_ ? head_ && head_->has_ended() : ended_head_ != nullptr; }

  Entry* remove(Entry* entry) noexcept {
    (entry->previous ? entry->previous->next : head_) = entry->next;
    (entry->next ? entry->next->previous : tail_) = entry->previous;
    --size_;
    return entry;
  }

  static bool ended(Driver* driver, Branch* which) noexcept {
    auto* self = static_cast<InFlight*>(driver);
    auto* entry = static_cast<Entry*>(which);
    if (!self->in_order_) {
      (self->ended_tail_ ? self->ended_tail_->next_ended : self->ended_head_) = entry;
      self->ended_tail_ = entry;
    }
    if (!self->has_result()) return false;
    self->rest();
    return true;
  }

  Entry* head_ = nullptr;  // all, in the order in which they were added
  Entry* tail_ = nullptr;
  Entry* unstarted_ = nullptr;   // the first of them
  Entry* ended_head_ = nullptr;  // in the order in which they ended, unless in_order_
  Entry* ended_tail_ = nullptr;
  std::size_t size_ = 0;
  bool in_order_;
};

}  // namespace tau::detail
