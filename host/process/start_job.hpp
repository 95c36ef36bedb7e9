// StartJob: one start of a child, on the blocking pool.
//
// It works on copies of everything, the descriptors included, because its caller may withdraw and be gone
// while a thread is inside (as host/reactor/file_job.hpp argues).
#pragma once

#include <tau/rt/blocking.h>
#include <tau/rt/process.h>

#include "process/children.hpp"
#include "process/start.hpp"

namespace tau::host {

class StartJob final : public tau_job {
 public:
  StartJob(Children& children, tau_process& process);
  StartJob(const StartJob&) = delete;
  StartJob& operator=(const StartJob&) = delete;
  ~StartJob();

  /// Copies what `process` points to. 0, -errno or a TAU_E_*.
  std::int32_t copy();

  /// Lets go of the caller: nobody is told, and what was started is given up. [loop]
  void forget() noexcept;
  Owner& for_whom() noexcept { return *owner; }

 private:
  friend class Children;
  void work() noexcept;
  void finish() noexcept;
  std::int32_t open_stdio() noexcept;

  Children& children_;
  tau_process* process_;  // null: forgotten
  StartPlan plan_;
  std::int32_t stdio_[3];          // as asked
  int given_[3] = {-1, -1, -1};    // the child's ends: duplicates, pipes, /dev/null
  int pipes_[3] = {-1, -1, -1};    // ours
  StartResult started_;
  StartJob* next_ = nullptr;
  StartJob** previous_ = nullptr;
};

}  // namespace tau::host
