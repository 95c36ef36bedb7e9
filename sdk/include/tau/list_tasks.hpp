// list_tasks: what this plugin's tasks are called, where they were spawned and what they are doing.
#pragma once

#include <tau/rt/task.h>

#include <cstdint>
#include <string>
#include <vector>

#include "detail/module.hpp"
#include "join_handle.hpp"

namespace tau {

enum class TaskState {
  waiting,   // for something that will wake it
  ready,     // its turn will come
  running,   // on the stack: the caller, or one that nests the loop
  finished,  // waits to be joined
};

/// One task. [inert]: texts are copies.
struct TaskInfo {
  TaskId id = 0;
  TaskState state = TaskState::waiting;
  std::string name;  // empty if it has none
  std::string file;  // where it was spawned: empty if unknown
  std::uint32_t line = 0;
};

/// All tasks of this plugin, in no order. For people and tests: it copies every text.
/// Errors:    ends the process when out of memory.
/// Threading: [loop]
inline std::vector<TaskInfo> list_tasks() {
  std::vector<TaskInfo> tasks;
  auto add = [](void* data, const tau_task_info* info) noexcept {
    TaskInfo& task = static_cast<std::vector<TaskInfo>*>(data)->emplace_back();
    task.id = info->id;
    task.line = info->line;
    if (info->name) task.name = info->name;
    if (info->file) task.file = info->file;
    if (info->state & TAU_TASK_FINISHED) {
      task.state = TaskState::finished;
    } else if (info->state & TAU_TASK_RUNNING) {
      task.state = TaskState::running;
    } else if (info->state & TAU_TASK_QUEUED) {
      task.state = TaskState::ready;
    }
  };
  tau_task_list(detail::module_owner(), add, &tasks);
  return tasks;
}

}  // namespace tau
