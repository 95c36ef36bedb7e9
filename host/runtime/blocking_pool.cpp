#include "blocking_pool.hpp"

#include <pthread.h>
#include <signal.h>

namespace tau::host {

namespace {

// `reserved` tells where a job is; guarded by the pool's mutex.
constexpr std::int32_t job_queued = 1;
constexpr std::int32_t job_taken = 2;

}  // namespace

BlockingPool::BlockingPool(void (*completed)(void*, tau_job*), void* context, std::size_t most_threads,
                           std::chrono::nanoseconds keep_alive) noexcept
    : completed_(completed),
      context_(context),
      most_threads_(most_threads ? most_threads : 1),
      keep_alive_(keep_alive) {}

BlockingPool::~BlockingPool() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  while (tau_job* job = head_) {
    unlink(job);
    job->reserved = job_taken;
    job->status = TAU_E_CANCELED;
    finish(job);
  }
  wanted_.notify_all();
  ended_.wait(lock, [this] { return threads_ == 0; });
}

void BlockingPool::append(tau_job* job) noexcept {
  job->reserved = job_queued;
  job->next = nullptr;
  job->previous = tail_;
  (tail_ ? tail_->next : head_) = job;
  tail_ = job;
  ++queued_;
}

void BlockingPool::unlink(tau_job* job) noexcept {
  (job->previous ? job->previous->next : head_) = job->next;
  (job->next ? job->next->previous : tail_) = job->previous;
  --queued_;
}

std::int32_t BlockingPool::submit(tau_job* job) noexcept {
  // Counted before the phase is read: an unload that begins now sees the job.
  job->owner->jobs.fetch_add(1, std::memory_order_seq_cst);
  if (!job->owner->accepts()) {
    job->owner->jobs.fetch_sub(1, std::memory_order_seq_cst);
    return TAU_E_UNLOADING;
  }
  job->status = TAU_OK;
  std::lock_guard lock(mutex_);
  append(job);
  if (idle_ >= queued_) {
    wanted_.notify_one();
    return TAU_OK;
  }
  if (threads_ < most_threads_ && start_thread()) return TAU_OK;
  if (threads_ != 0) return TAU_OK;
  unlink(job);
  job->reserved = 0;
  job->owner->jobs.fetch_sub(1, std::memory_order_seq_cst);
  return TAU_E_NO_MEMORY;
}

std::int32_t BlockingPool::cancel(tau_job* job) noexcept {
  std::lock_guard lock(mutex_);
  if (job->reserved != job_queued) return TAU_E_BUSY;
  unlink(job);
  job->reserved = 0;
  job->owner->jobs.fetch_sub(1, std::memory_order_seq_cst);
  return TAU_OK;
}

void BlockingPool::cancel_owner(Owner& owner) noexcept {
  std::lock_guard lock(mutex_);
  for (tau_job* job = head_; job;) {
    tau_job* next = job->next;
    if (job->owner == &owner) {
      unlink(job);
      job->reserved = job_taken;
      job->status = TAU_E_CANCELED;
      completed_(context_, job);
    }
    job = next;
  }
}

void BlockingPool::finish(tau_job* job) noexcept {
  Owner& owner = *job->owner;  // `done` may free the job
  job->done(job);
  owner.jobs.fetch_sub(1, std::memory_order_seq_cst);
}

bool BlockingPool::start_thread() noexcept {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Signals are the loop's business.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  bool started = pthread_create(&thread, &attributes, &BlockingPool::enter, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  threads_ += started;
  return started;
}

void* BlockingPool::enter(void* pool) noexcept {
  static_cast<BlockingPool*>(pool)->work();
  return nullptr;
}

void BlockingPool::work() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (tau_job* job = head_) {
      unlink(job);
      job->reserved = job_taken;
      lock.unlock();
      job->run(job);
      completed_(context_, job);
      lock.lock();
      continue;
    }
    if (closing_) break;
    ++idle_;
    bool wanted = wanted_.wait_for(lock, keep_alive_, [this] { return head_ || closing_; });
    --idle_;
    if (!wanted) break;
  }
  --threads_;
  // Under the lock: the pool may be destroyed as soon as the last thread has let go of it.
  ended_.notify_all();
}

std::size_t BlockingPool::threads() const noexcept {
  std::lock_guard lock(mutex_);
  return threads_;
}

}  // namespace tau::host
