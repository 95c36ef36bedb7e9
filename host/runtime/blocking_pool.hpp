// Blocking pool: bounded threads for calls that can only block.
//
// Jobs are the callers' memory, linked into one queue in the order of arrival. Threads are started on
// demand up to the bound and end after standing idle for a while, so an idle host has no thread to wake.
// A finished job travels back to the loop, which calls its `done`: only there may a plugin's accounts be
// touched. An exception never comes out of `run` (I13: the sdk catches it on the plugin's side).
// A process that forks has no pool in the child.
#pragma once

#include <pthread.h>
#include <tau/rt/blocking.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "owner.hpp"

namespace tau::host {

class BlockingPool {
 public:
  static constexpr std::size_t default_threads = 64;
  static constexpr std::chrono::seconds default_keep_alive{10};

  /// `completed(context, job)` is called on the pool's thread, or in cancel_owner() on the caller's, and
  /// must bring the job to the loop's thread, to finish().
  BlockingPool(void (*completed)(void* context, tau_job* job), void* context,
               std::size_t most_threads = default_threads,
               std::chrono::nanoseconds keep_alive = default_keep_alive) noexcept;
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  /// Cancels queued jobs, waits for running ones and joins every thread. What `completed` was told of
  /// jobs that ended meanwhile is the runtime's. [loop]
  ~BlockingPool();

  /// Queues a job. TAU_E_UNLOADING: its owner, or the pool, takes nothing new. TAU_E_NO_MEMORY: there is no thread and
  /// none can be started. [any]
  std::int32_t submit(tau_job* job) noexcept;

  /// Takes back a job that no thread has taken up: TAU_OK, and `done` will not be called. TAU_E_BUSY
  /// otherwise. [any]
  std::int32_t cancel(tau_job* job) noexcept;

  /// Cancels the queued jobs of one owner: each goes to the loop as TAU_E_CANCELED. [any]
  void cancel_owner(Owner& owner) noexcept;

  /// Ends a completed job: calls `done`, which may free it, and settles the owner's account. [loop]
  static void finish(tau_job* job) noexcept;

  /// How many threads there are, idle ones included. [any]
  std::size_t threads() const noexcept;
  /// How many of them are inside a job of `owner`: what an unload waits for. [any]
  std::size_t running(const Owner& owner) const noexcept;

 private:
  /// One thread, on its own stack.
  struct Worker {
    const Owner* serves = nullptr;
    Worker* next = nullptr;
    Worker** previous = nullptr;
  };

  static void* enter(void* pool) noexcept;
  void work() noexcept;
  bool start_thread() noexcept;
  void run_jobs(std::unique_lock<std::mutex>& lock, Worker& self) noexcept;
  void append(tau_job* job) noexcept;
  void unlink(tau_job* job) noexcept;

  void (*completed_)(void*, tau_job*);
  void* context_;
  const std::size_t most_threads_;
  const std::chrono::nanoseconds keep_alive_;

  mutable std::mutex mutex_;
  std::condition_variable wanted_;  // there is a job, or the pool closes
  std::condition_variable ended_;   // a thread has ended
  tau_job* head_ = nullptr;
  tau_job* tail_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  Worker* workers_ = nullptr;
  // Each thread that ends joins the one that ended before it, and the destructor joins the last: so
  // thread_local destructors have run by then, and no thread has to be kept to be joined.
  std::optional<pthread_t> last_ended_;
  bool closing_ = false;
};

}  // namespace tau::host
