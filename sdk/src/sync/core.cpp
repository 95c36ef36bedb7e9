// The rare parts of locks and waiting: what happens when another thread takes part.
#include <tau/detail/sync/core.hpp>

#include <cstdio>
#include <cstdlib>
#include <thread>

namespace tau::detail::sync {

void LoopLock::step_back() noexcept {
  inside_.store(false, std::memory_order_release);
  pthread_mutex_lock(&mutex_);
}

void LoopLock::unlock() noexcept { pthread_mutex_unlock(&mutex_); }

bool LoopLock::enter() noexcept {
  pthread_mutex_lock(&mutex_);
  if (shared_.load(std::memory_order_relaxed)) return true;
  shared_.store(true, std::memory_order_relaxed);
  tau_loop_barrier();
  // The loop is inside for some instructions, or was interrupted there.
  while (inside_.load(std::memory_order_acquire)) std::this_thread::yield();
  return true;
}

void Hold::wake_across(WaitNode& node) noexcept {
  if (node.blocking) {
    const void* told = static_cast<BlockedThread&>(node).sleep.tell();
    if (thread_) ThreadSleep::wake(thread_);
    thread_ = told;
    return;
  }
  if (!node.waiter.context) return;
  core_.told.push_back(node);
  if (core_.drain_posted) return;
  const std::int32_t status = tau_spawn_remote_quietly(node.owner, node.drain, node.drain, &core_);
  if (status == TAU_E_NO_MEMORY) {
    std::fputs("tau: out of memory: another thread cannot reach the loop\n", stderr);
    std::abort();
  }
  if (status < 0) return;  // the waiter's plugin is being unloaded
  core_.drain_posted = true;
  ++core_.refs;
  wakes_loop_ = true;
}

void Hold::wake_after() noexcept {
  if (thread_) ThreadSleep::wake(thread_);
  if (wakes_loop_) tau_wake_loop();
}

void Hold::block(BlockedThread& node) noexcept {
  while (node.stage == Stage::waiting) {
    // Others were told before: they are not to wait for us to be told.
    wake_after();
    thread_ = nullptr;
    wakes_loop_ = false;
    node.sleep.wait(core_.lock.mutex());
  }
}

}  // namespace tau::detail::sync
