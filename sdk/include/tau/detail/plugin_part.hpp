// PluginPart: a coroutine that uses the plugin's object, and ends before it.
//
// At unload the object goes first and the plugin's tasks after it; a coroutine of the object, waiting
// somewhere inside a task, would be destroyed when what its locals refer to is gone. So the task of
// run() or request() only holds such a coroutine as a part, and the object destroys its parts before
// itself. The task is left with an answer: canceled.
#pragma once

#include <utility>

#include "../task.hpp"

namespace tau::detail {

/// Threading: [loop]
class PluginPartBase {
 public:
  PluginPartBase(const PluginPartBase&) = delete;
  PluginPartBase& operator=(const PluginPartBase&) = delete;

 protected:
  explicit PluginPartBase(void (*stop)(PluginPartBase*) noexcept) noexcept : stop_(stop) {}
  ~PluginPartBase() { unlink(); }
  void unlink() noexcept {
    if (previous_ == nullptr) return;
    *previous_ = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
    previous_ = nullptr;
  }

 private:
  friend class PluginParts;
  void (*stop_)(PluginPartBase*) noexcept;
  PluginPartBase* next_ = nullptr;
  PluginPartBase** previous_ = nullptr;  // null while not linked
};

/// All parts of one object. Threading: [loop]
class PluginParts {
 public:
  PluginParts() noexcept = default;
  PluginParts(const PluginParts&) = delete;

  void add(PluginPartBase& part) noexcept {
    part.next_ = first_;
    part.previous_ = &first_;
    if (first_ != nullptr) first_->previous_ = &part.next_;
    first_ = &part;
  }
  /// Destroys every part's coroutine. None of them may be on the stack.
  void stop() noexcept {
    while (PluginPartBase* part = first_) {
      part->unlink();
      part->stop_(part);
    }
  }

 private:
  PluginPartBase* first_ = nullptr;
};

/// Awaitable that runs `work` as a part of the object.
template <class T>
class PluginPart : PluginPartBase {
 public:
  PluginPart(PluginParts& parts, Task<T> work) noexcept
      : PluginPartBase(&stop), parts_(parts), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> task) noexcept {
    parts_.add(*this);
    waiter_.set(task);
    handle_ = work_.release();
    work_ = Task<T>(handle_);
    handle_.promise().context = waiter_.context;
    handle_.promise().continuation = task;
    return handle_;
  }
  /// Errc::canceled if the object stopped it. Its exceptions pass through.
  Result<T> await_resume() {
    if (!work_) return Errc::canceled;
    unlink();
    if constexpr (std::is_void_v<T>) {
      handle_.promise().take();
      return {};
    } else {
      return handle_.promise().take();
    }
  }

 private:
  static void stop(PluginPartBase* base) noexcept {
    auto* part = static_cast<PluginPart*>(base);
    part->work_ = Task<T>();
    part->waiter_.wake();  // also over a wake that meant the coroutine just destroyed
  }

  PluginParts& parts_;
  Task<T> work_;
  typename Task<T>::Handle handle_;
  Waiter waiter_;
};

}  // namespace tau::detail
