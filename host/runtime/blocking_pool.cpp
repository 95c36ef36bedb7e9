// See blocking_pool.hpp.
#include "blocking_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <utility>

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
    lock.unlock();  // `done` may ask the pool something
    finish(job);
    lock.lock();
  }
  wanted_.notify_all();
  ended_.wait(lock, [this] { return threads_ == 0; });
  lock.unlock();
  if (last_ended_) pthread_join(*last_ended_, nullptr);
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
  std::lock_guard lock(mutex_);
  if (closing_) {
    job->owner->jobs.fetch_sub(1, std::memory_order_seq_cst);
    return TAU_E_UNLOADING;
  }
  job->status = TAU_OK;
  append(job);
  // Who was notified counts as idle until he runs, so each queued job needs an idle thread of its own.
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
  // Signals are the loop's business; faults are whoever's makes them, or a crash could not be reported.
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, &BlockingPool::enter, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  threads_ += started;
  return started;
}

void* BlockingPool::enter(void* pool) noexcept {
  pthread_setname_np(pthread_self(), "tau-blocking");
  static_cast<BlockingPool*>(pool)->work();
  return nullptr;
}

void BlockingPool::work() noexcept {
  std::unique_lock lock(mutex_);
  Worker self;
  self.next = workers_;
  self.previous = &workers_;
  if (workers_) workers_->previous = &self.next;
  workers_ = &self;

  run_jobs(lock, self);

  *self.previous = self.next;
  if (self.next) self.next->previous = self.previous;
  const std::optional<pthread_t> before = std::exchange(last_ended_, pthread_self());
  --threads_;
  ended_.notify_all();
  lock.unlock();
  // From here on the pool may be gone: its destructor joins this thread, and this thread that one.
  if (before) pthread_join(*before, nullptr);
}

/// Returns, locked, when the thread has stood idle for too long or the pool closes.
void BlockingPool::run_jobs(std::unique_lock<std::mutex>& lock, Worker& self) noexcept {
  for (;;) {
    if (tau_job* job = head_) {
      unlink(job);
      job->reserved = job_taken;
      self.serves = job->owner;
      lock.unlock();
      job->run(job);
      completed_(context_, job);  // the job is the loop's from here on
      lock.lock();
      self.serves = nullptr;
      continue;
    }
    if (closing_) return;
    ++idle_;
    const bool wanted = wanted_.wait_for(lock, keep_alive_, [this] { return head_ || closing_; });
    --idle_;
    if (!wanted) return;
  }
}

std::size_t BlockingPool::threads() const noexcept {
  std::lock_guard lock(mutex_);
  return threads_;
}

std::size_t BlockingPool::running(const Owner& owner) const noexcept {
  std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const Worker* worker = workers_; worker; worker = worker->next) count += worker->serves == &owner;
  return count;
}

}  // namespace tau::host
