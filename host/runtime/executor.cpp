#include "executor.hpp"

namespace tau::host {

Executor::~Executor() = default;

std::size_t Executor::run(std::size_t limit) noexcept {
  std::size_t turns = 0;
  while (head_ && turns < limit) {
    TaskSlot* task = head_;
    head_ = task->next;
    if (head_) {
      // Many tasks do not fit a cache: what the next turn and the one after it need is fetched during this one.
      __builtin_prefetch(head_->data);
      __builtin_prefetch(head_->next);
    } else {
      tail_ = nullptr;
    }
    ++turns;
    poll(task);
  }
  return turns;
}

inline void Executor::poll(TaskSlot* task) noexcept {
  if (task->state & TAU_TASK_ABORTED) {
    task->state &= ~std::uint32_t{TAU_TASK_QUEUED};
    if (task->state & task_dropping) {
      give_back(task);
    } else {
      drop(task);
    }
    return;
  }
  task->state = (task->state & ~std::uint32_t{TAU_TASK_QUEUED}) | TAU_TASK_RUNNING;
  task->budget = TAU_TASK_BUDGET;
  TaskSlot* outer = current_;
  current_ = task;
  std::int32_t outcome = TAU_E_THREW;
  try {
    outcome = task->fns->poll(task);
  } catch (...) {
    // A suspended call was unwound as far as here, or a module in C++ let something out (I13).
  }
  current_ = outer;
  task->state &= ~std::uint32_t{TAU_TASK_RUNNING};
  if (outcome != TAU_PENDING) {
    finish(task, outcome);
  } else if (task->state & TAU_TASK_ABORTED) {
    drop(task);
  } else if (task->state & TAU_TASK_WOKEN) {
    task->state &= ~std::uint32_t{TAU_TASK_WOKEN};
    enqueue(task);
  }
}

void Executor::finish(TaskSlot* task, std::int32_t outcome) noexcept {
  // What an unwinding left of a task is no outcome: to whoever joins it, it was cancelled.
  if (outcome == TAU_E_THREW && TaskChunk::of(task)->owner->unwinding) return drop(task);
  task->state |= TAU_TASK_FINISHED | (outcome == TAU_E_THREW ? TAU_TASK_THREW : 0);
  --TaskChunk::of(task)->owner->live_tasks;
  if (task->state & TAU_TASK_DETACHED) {
    drop(task);
  } else if (tau_wait* joiner = unlink_joiner(task)) {
    joiner->fire(joiner);
  }
}

tau_wait* Executor::unlink_joiner(TaskSlot* task) noexcept {
  tau_wait* joiner = task->joiner;
  if (!joiner) return nullptr;
  task->joiner = nullptr;
  joiner->linked = nullptr;
  --joiner->owner->waits;
  return joiner;
}

void Executor::erase_texts(tau_task_id id) noexcept {
  messages_.erase(id);
  names_.erase(id);
}

void Executor::drop(TaskSlot* task) noexcept {
  tau_wait* joiner = destroy(task);
  give_back(task);
  if (joiner) joiner->fire(joiner);
}

/// What a task holds goes; its slot is still taken. Returns the wait to be fired.
tau_wait* Executor::destroy(TaskSlot* task) noexcept {
  Owner& owner = *TaskChunk::of(task)->owner;
  bool finished = task->state & TAU_TASK_FINISHED;
  forget_texts(task);
  task->state |= task_dropping;
  TaskSlot* outer = current_;
  current_ = task;
  try {
    task->fns->drop(task);
  } catch (...) {
    // As in poll().
  }
  current_ = outer;
  if (!finished) --owner.live_tasks;
  --owner.tasks;
  return unlink_joiner(task);
}

void Executor::give_back(TaskSlot* task) noexcept {
  // Raising the generation makes every id stale. No swap: a request that another thread leaves meanwhile is for the
  // task that goes, so it may be lost; that the slot is linked in the remote queue then is noted elsewhere.
  const std::uint64_t word = task->remote.load(std::memory_order_relaxed) & ~std::uint64_t{0xffffffff};
  task->remote.store(word + (std::uint64_t{1} << 32), std::memory_order_release);
  TaskTable::give_back(task);
}

std::int32_t Executor::drop_now(TaskSlot* task) noexcept {
  if (task->state & (TAU_TASK_RUNNING | task_dropping)) return TAU_E_BUSY;
  if ((task->state & (TAU_TASK_QUEUED | task_unqueued)) != TAU_TASK_QUEUED) {
    drop(task);
    return TAU_OK;
  }
  // It is linked in the ready queue: what it holds goes now, its slot at its turn. Until then no id finds
  // it, and it is deaf.
  tau_wait* joiner = destroy(task);
  task->state = (task->state & ~std::uint32_t{TAU_TASK_LIVE}) | TAU_TASK_ABORTED;
  if (joiner) joiner->fire(joiner);
  return TAU_OK;
}

void Executor::abort(TaskSlot* task) noexcept {
  if (task->state & (TAU_TASK_FINISHED | TAU_TASK_ABORTED | task_dropping)) return;
  task->state |= TAU_TASK_ABORTED;
  if (!(task->state & (TAU_TASK_QUEUED | TAU_TASK_RUNNING))) enqueue(task);
}

void Executor::detach(TaskSlot* task) noexcept {
  if (task->state & (TAU_TASK_DETACHED | task_dropping)) return;
  task->state |= TAU_TASK_DETACHED;
  if (task->state & TAU_TASK_FINISHED) drop(task);
}

std::int32_t Executor::join(tau_task_id id, tau_wait* wait) noexcept {
  TaskSlot* task = find(id);
  if (!task || (task->state & task_dropping)) return TAU_E_STALE;
  if (task->state & TAU_TASK_FINISHED) return TAU_READY;
  if (task->joiner) return TAU_E_BUSY;
  if (task == current_) return TAU_E_INVALID;
  task->joiner = wait;
  wait->linked = task;
  ++wait->owner->waits;
  return TAU_PENDING;
}

void Executor::join_cancel(tau_task_id, tau_wait* wait) noexcept {
  if (!wait->linked) return;
  unlink_joiner(static_cast<TaskSlot*>(wait->linked));
}

std::int32_t Executor::join_take(tau_task_id id, void** data) noexcept {
  TaskSlot* task = find(id);
  if (!task || (task->state & task_dropping)) return TAU_E_STALE;
  if (!(task->state & TAU_TASK_FINISHED)) return TAU_PENDING;
  *data = task->data;
  return task->state & TAU_TASK_THREW ? TAU_E_THREW : TAU_OK;
}

std::int32_t Executor::join_release(tau_task_id id, tau_wait* wait, void** data) noexcept {
  TaskSlot* task = find(id);
  if (!task || (task->state & task_dropping)) return TAU_E_STALE;
  if (!(task->state & TAU_TASK_FINISHED)) return wait ? join(id, wait) : std::int32_t{TAU_PENDING};
  // Another plugin could be unloaded while its data is destroyed, where that suspends the call: so it stays the task's.
  Owner* const owner = TaskChunk::of(task)->owner;
  if ((task->state & TAU_TASK_THREW) || !current_ || TaskChunk::of(current_)->owner != owner) return TAU_READY;
  *data = task->data;
  forget_texts(task);
  --owner->tasks;
  give_back(task);
  return TAU_OK;
}

void Executor::set_message(TaskSlot* task, std::string text) noexcept {
  try {
    messages_[id_of(task)] = std::move(text);
  } catch (const std::bad_alloc&) {
    // The text is lost, the outcome is not.
  }
}

std::int32_t Executor::set_name(TaskSlot* task, const char* name, std::size_t length) noexcept {
  if (length == 0) {
    if (task->state & task_named) names_.erase(id_of(task));
    task->state &= ~task_named;
    return TAU_OK;
  }
  try {
    names_[id_of(task)].assign(name, length);
  } catch (const std::bad_alloc&) {
    return TAU_E_NO_MEMORY;
  }
  task->state |= task_named;
  return TAU_OK;
}

std::int32_t Executor::list(Owner& owner, void (*visit)(void*, const tau_task_info*), void* data) noexcept {
  std::int32_t count = 0;
  table_.for_each_live(owner, [&](TaskSlot* task) {
    const SpawnSites::Site* site = owner.sites.find(task->state >> task_site_shift);
    auto name = task->state & task_named ? names_.find(id_of(task)) : names_.end();
    const tau_task_info info{.id = id_of(task),
                             .state = task->state & task_abi_bits,
                             .line = site ? site->line : 0,
                             .file = site ? site->file.c_str() : nullptr,
                             .name = name == names_.end() ? nullptr : name->second.c_str()};
    visit(data, &info);
    ++count;
  });
  return count;
}

bool Executor::has_tasks_beside(const Owner& owner) noexcept {
  bool found = false;
  table_.for_each_live([&](TaskSlot* task) {
    found |= TaskChunk::of(task)->owner != &owner && !(task->state & TAU_TASK_FINISHED);
  });
  return found;
}

const std::string* Executor::message(tau_task_id id) const noexcept {
  auto found = messages_.find(id);
  return found == messages_.end() ? nullptr : &found->second;
}

void Executor::arrived(RemoteLink* link) noexcept {
  TaskSlot* task = TaskSlot::of(link);
  // In this order: who finds the link taken has left his request before that, and it is seen here.
  link->release();
  const std::uint64_t asked =
      task->remote.fetch_and(~std::uint64_t{TaskSlot::requests}, std::memory_order_seq_cst) & TaskSlot::requests;
  // None: the task that it was for has gone.
  if (asked & TaskSlot::wake) wake(task);
  if (asked & TaskSlot::abort) abort(task);
  if (asked & TaskSlot::detach) detach(task);
}

std::int32_t Executor::request(tau_task_id id, std::uint64_t request) noexcept {
  TaskSlot* task = table_.find(id);
  if (!task) return TAU_E_STALE;
  std::uint64_t word = task->remote.load(std::memory_order_relaxed);
  // Also when the request is there already: the loop must see what this thread wrote before.
  do {
    if (generation(word) != generation(id)) return TAU_E_STALE;
  } while (!task->remote.compare_exchange_weak(word, word | request, std::memory_order_seq_cst,
                                               std::memory_order_relaxed));
  if (!(word & TaskSlot::requests)) remote_.push_task(&task->remote_link);
  return TAU_OK;
}

void Executor::unqueue(Owner& owner) noexcept {
  TaskSlot** link = &head_;
  tail_ = nullptr;
  while (TaskSlot* task = *link) {
    if (TaskChunk::of(task)->owner == &owner) {
      *link = task->next;
      task->state &= ~std::uint32_t{TAU_TASK_QUEUED};
      if ((task->state & task_dropping) && !(task->state & TAU_TASK_LIVE)) give_back(task);
    } else {
      tail_ = task;
      link = &task->next;
    }
  }
}

void Executor::reclaim(Owner& owner) noexcept {
  table_.reclaim(owner);
  owner.sites.clear();
}

void Executor::drop_owner(Owner& owner) noexcept {
  unqueue(owner);
  // Destructors wake, abort and detach each other's tasks. One that counts as queued is deaf to all that,
  // so nothing re-enters the ready queue whose slot is about to be given back.
  table_.for_each_live(owner, [](TaskSlot* task) { task->state |= TAU_TASK_QUEUED | task_unqueued; });
  table_.for_each_live(owner, [this](TaskSlot* task) {
    if (!(task->state & (task_dropping | TAU_TASK_RUNNING))) drop(task);
  });
  if (owner.waits == 0) return;
  table_.for_each_live([&](TaskSlot* task) {
    if (task->joiner && task->joiner->owner == &owner) unlink_joiner(task);
  });
}

}  // namespace tau::host
