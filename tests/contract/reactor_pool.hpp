// A rig whose reactor may send away what can only block: to one thread, whose finished jobs wait until the
// loop fetches them, as the runtime's remote queue does.
#pragma once

#include <tau/rt/blocking.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "reactor_rig.hpp"

namespace tau::test {

class PoolRig : public Rig {
 public:
  PoolRig() {
    reactor->offload_to({[](void* self, tau_job* job) { return static_cast<PoolRig*>(self)->take(job); }, this});
    thread_ = std::thread([this] { work(); });
  }
  ~PoolRig() {
    finish_jobs();
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// Runs one operation to its end.
  std::int64_t run(Op& op) {
    const int before = op.finished;
    if (!reactor->submit(&op)) CHECK(until([&] { return op.finished != before; }));
    return op.result;
  }

  /// As Rig's, and fetches finished jobs.
  template <class Condition>
  bool until(Condition condition) {
    return Rig::until([&] {
      fetch();
      return condition();
    });
  }

  /// Waits until no job is left, told or not.
  void finish_jobs() {
    std::unique_lock lock(mutex_);
    while (begun_ != 0) {
      changed_.wait(lock, [this] { return !finished_.empty(); });
      lock.unlock();
      fetch();
      lock.lock();
    }
  }

 private:
  std::int32_t take(tau_job* job) {
    std::lock_guard lock(mutex_);
    job->status = TAU_OK;
    waiting_.push_back(job);
    ++begun_;
    changed_.notify_all();
    return TAU_OK;
  }

  void fetch() {
    std::deque<tau_job*> jobs;
    {
      std::lock_guard lock(mutex_);
      jobs.swap(finished_);
      begun_ -= jobs.size();
    }
    for (tau_job* job : jobs) job->done(job);
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      tau_job* job = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      job->run(job);
      lock.lock();
      finished_.push_back(job);
      changed_.notify_all();
      reactor->wake();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<tau_job*> waiting_, finished_;
  std::size_t begun_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace tau::test
