// What the system is asked about child processes; one file for each system implements it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tau::host {

/// Everything the child needs between fork and exec, laid out before: there nothing may be allocated.
struct StartPlan {
  std::vector<std::string> candidates;  // tried in this order
  std::vector<std::string> argument_texts;
  std::vector<std::string> environment_texts;
  std::vector<char*> arguments;    // of argument_texts, ended by null
  std::vector<char*> environment;  // of environment_texts, ended by null
  std::string directory;           // empty: stay
  std::vector<gid_t> groups;
  std::uint32_t flags = 0;  // TAU_PROCESS_*
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t process_group = 0;
  int stdio[3] = {-1, -1, -1};  // what becomes 0, 1 and 2; -1: what they are
};

struct StartResult {
  std::int32_t error = 0;  // 0, -errno or a TAU_E_*
  std::int32_t step = 0;   // TAU_STEP_*
  pid_t pid = -1;
  int watch = -1;  // a descriptor that becomes readable when the child ends
};

/// Returns when the new program runs, or it is known why it does not. [blocking]
StartResult start_child(const StartPlan& plan) noexcept;

/// Reaps the child if it has ended: 1 and its status of wait(2), 0 if not yet, or -errno. Not for the same child
/// again once it said 1.
std::int32_t reap_child(int watch, pid_t pid, std::int32_t* status) noexcept;
/// The same, waiting for it.
void await_child(int watch, pid_t pid) noexcept;

/// 0 or -errno. The child was not reaped yet.
std::int32_t signal_child(int watch, pid_t pid, int number) noexcept;

}  // namespace tau::host
