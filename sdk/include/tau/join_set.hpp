// JoinSet: tasks joined in the order in which they end.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "spawn.hpp"

namespace tau {

/// A set of spawned tasks with results of one type.
///
/// Ownership: owns its tasks: destroying the set aborts those that have not ended.
/// Threading: [loop]
/// Unload:    [drained]
/// See:       tokio::task::JoinSet
template <class T>
class JoinSet {
 public:
  JoinSet() noexcept = default;
  JoinSet(const JoinSet&) = delete;
  JoinSet& operator=(const JoinSet&) = delete;
  ~JoinSet() {
    abort_all();
    while (running_.head) remove(running_.head);
    while (ended_.head) remove(ended_.head);
  }

  /// Spawns into the set.
  AbortHandle spawn(Task<T> task, detail::SourceLocation at = detail::SourceLocation::current()) {
    auto entry = std::make_unique<Entry>(*this, tau::spawn(std::move(task), at));
    AbortHandle abort = entry->handle.abort_handle();
    std::int32_t status = tau_join(entry->handle.task_id(), entry.get());
    Entry* linked = entry.release();
    linked->append(status == TAU_PENDING ? running_ : ended_);
    ++size_;
    return abort;
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Asks every task that has not ended to end; they are still to be joined.
  void abort_all() noexcept {
    for (Entry* entry = running_.head; entry; entry = entry->next) entry->handle.abort();
  }

  /// Lets all tasks go on without anybody to join them.
  void detach_all() noexcept {
    while (running_.head) {
      running_.head->handle.detach();
      remove(running_.head);
    }
    while (ended_.head) remove(ended_.head);
  }

  /// The result of the next task that ends, or nothing if the set is empty.
  /// `std::optional<Result<T>> r = co_await set.join_next();` Dropping the wait loses nothing.
  auto join_next() noexcept { return Next(*this); }

  /// The same without waiting: nothing as well if none has ended.
  std::optional<Result<T>> try_join_next() {
    if (!ended_.head) return std::nullopt;
    auto result = ended_.head->handle.try_join();
    remove(ended_.head);
    return result;
  }

 private:
  struct Entry;
  struct List {
    Entry* head = nullptr;
    Entry* tail = nullptr;
  };

  struct Entry : tau_wait {
    Entry(JoinSet& owner_set, JoinHandle<T> joined)
        : tau_wait{}, set(owner_set), handle(std::move(joined)) {
      fire = [](tau_wait* self) { static_cast<Entry*>(self)->ended(); };
      owner = detail::module_owner();
    }
    ~Entry() {
      if (linked) tau_join_cancel(handle.task_id(), this);
    }
    void append(List& to) noexcept {
      list = &to;
      next = nullptr;
      previous = to.tail;
      (previous ? previous->next : to.head) = this;
      to.tail = this;
    }
    void unlink() noexcept {
      (previous ? previous->next : list->head) = next;
      (next ? next->previous : list->tail) = previous;
    }
    void ended() noexcept {
      unlink();
      append(set.ended_);
      if (set.waiting_.context) std::exchange(set.waiting_, {}).wake();
    }

    JoinSet& set;
    JoinHandle<T> handle;
    List* list = nullptr;
    Entry* previous = nullptr;
    Entry* next = nullptr;
  };

  class Next {
   public:
    explicit Next(JoinSet& set) noexcept : set_(set) {}
    Next(Next&& other) noexcept : Next(other.set_) {}
    ~Next() {
      if (waits_) set_.waiting_ = {};
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      if (set_.ended_.head || set_.empty()) return detail::suspend_if_exhausted(suspended);
      set_.waiting_.set(suspended);
      waits_ = true;
      return true;
    }
    std::optional<Result<T>> await_resume() { return set_.try_join_next(); }

   private:
    JoinSet& set_;
    bool waits_ = false;
  };

  void remove(Entry* entry) noexcept {
    entry->unlink();
    --size_;
    delete entry;
  }

  List running_;
  List ended_;  // oldest first
  std::size_t size_ = 0;
  detail::Waiter waiting_;
};

}  // namespace tau
