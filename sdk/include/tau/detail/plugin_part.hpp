// PluginPart: a coroutine that uses the plugin's object, and ends before it.
//
// At unload the object goes first and the plugin's tasks after it; a coroutine of the object, waiting
// somewhere inside a task, would be destroyed when what its locals refer to is gone. So the task of
// run() or request() only holds such a coroutine as a part, and the object destroys its parts before
// itself. The task is left with an answer: canceled.
//
// A coroutine that stands on a stack, in a call that is suspended there (an event loop's run(), a sleep), cannot
// be destroyed. It ends when that call returns or is unwound; the object waits for that and goes after the last.
#pragma once

#include <utility>

#include "../task.hpp"

namespace tau::detail {

class PluginParts;

/// Threading: [loop]
class PluginPartBase {
 public:
  PluginPartBase(const PluginPartBase&) = delete;
  PluginPartBase& operator=(const PluginPartBase&) = delete;

  /// Whether the object waits for this part, so that its calls may be unwound.
  inline bool stopping() const noexcept;

 protected:
  using Stop = void(PluginPartBase*) noexcept;

  explicit PluginPartBase(Stop* stop) noexcept : stop_(stop) {}
  ~PluginPartBase() { leave(); }
  inline void enter(PluginParts& parts) noexcept;
  /// The last one that a stopping object waits for destroys the object.
  inline void leave() noexcept;

  Waiter waiter_;

 private:
  friend class PluginParts;
  bool on_stack() const noexcept { return stop_ == nullptr || (waiter_.context->state & TAU_TASK_RUNNING) != 0; }
  void unlink() noexcept {
    *previous_ = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
    parts_ = nullptr;
  }

  Stop* stop_;                    // null: a plain call, always on a stack
  PluginParts* parts_ = nullptr;  // null while not linked
  PluginPartBase* next_ = nullptr;
  PluginPartBase** previous_ = nullptr;
};

/// All parts of one object. Threading: [loop]
class PluginParts {
 public:
  PluginParts() noexcept = default;
  PluginParts(const PluginParts&) = delete;

  /// Destroys the coroutine of every part that is not on a stack, and has `stopped` called when no other is left: at
  /// once, or when the last has ended.
  void stop(void (*stopped)(PluginParts& parts) noexcept) noexcept {
    for (PluginPartBase* part = first_; part != nullptr;) {
      if (part->on_stack()) {
        part = part->next_;
        continue;
      }
      part->unlink();
      part->stop_(part);
      part = first_;  // its destructors may have ended others
    }
    stopped_ = stopped;
    if (first_ == nullptr) stopped(*this);
  }

 private:
  friend class PluginPartBase;
  PluginPartBase* first_ = nullptr;
  void (*stopped_)(PluginParts& parts) noexcept = nullptr;
};

bool PluginPartBase::stopping() const noexcept { return parts_ != nullptr && parts_->stopped_ != nullptr; }

void PluginPartBase::enter(PluginParts& parts) noexcept {
  parts_ = &parts;
  next_ = parts.first_;
  previous_ = &parts.first_;
  if (next_ != nullptr) next_->previous_ = &next_;
  parts.first_ = this;
}

void PluginPartBase::leave() noexcept {
  if (parts_ == nullptr) return;
  PluginParts& parts = *parts_;
  unlink();
  if (parts.first_ == nullptr && parts.stopped_ != nullptr) parts.stopped_(parts);
}

/// A call into the object that is no coroutine. It may be suspended with its stack, too.
class PluginCall : public PluginPartBase {
 public:
  explicit PluginCall(PluginParts& parts) noexcept : PluginPartBase(nullptr) { enter(parts); }
};

/// Awaitable, once, that runs `work` as a part of the object. To outlive the await: see stopping().
template <class T>
class PluginPart : public PluginPartBase {
 public:
  PluginPart(PluginParts& parts, Task<T> work) noexcept
      : PluginPartBase(&stop), object_(parts), work_(std::move(work)) {}
  ~PluginPart() {
    work_ = Task<T>();  // before the object, whose end this may be
    leave();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> task) noexcept {
    waiter_.set(task);
    enter(object_);
    handle_ = work_.release();
    work_ = Task<T>(handle_);
    handle_.promise().context = waiter_.context;
    handle_.promise().continuation = task;
    return handle_;
  }
  /// Errc::canceled if the object stopped it. Its exceptions pass through.
  Result<T> await_resume() {
    if (!work_) return Errc::canceled;
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

  PluginParts& object_;
  Task<T> work_;
  typename Task<T>::Handle handle_;
};

}  // namespace tau::detail
