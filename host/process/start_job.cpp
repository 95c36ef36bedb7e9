// See start_job.hpp.
#include "process/start_job.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string_view>
#include <utility>

extern char** environ;

namespace tau::host {
namespace {

void close_one(int& fd) noexcept {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

/// Copies strings and lays out the pointers to them.
void copy_strings(const char* const* from, std::vector<std::string>& texts, std::vector<char*>& pointers) {
  for (; *from; ++from) texts.emplace_back(*from);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
}

std::string_view path_of(const std::vector<std::string>& environment) {
  constexpr std::string_view name = "PATH=";
  for (const std::string& each : environment) {
    if (std::string_view(each).substr(0, name.size()) == name) return std::string_view(each).substr(name.size());
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

std::vector<std::string> candidates_of(std::string_view program, std::string_view path) {
  if (program.find('/') != program.npos || program.empty()) return {std::string(program)};
  std::vector<std::string> all;
  for (;;) {
    const auto end = std::min(path.find(':'), path.size());
    std::string folder(path.substr(0, end));
    if (!folder.empty() && folder.back() != '/') folder += '/';  // an empty one is the current folder
    all.push_back(folder.append(program));
    if (end == path.size()) return all;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

StartJob::StartJob(Children& children, tau_process& process) : tau_job{}, children_(children), process_(&process) {
  owner = process.owner;
  run = [](tau_job* self) { static_cast<StartJob*>(self)->work(); };
  done = [](tau_job* self) { static_cast<StartJob*>(self)->finish(); };
  next_ = children_.starting_;
  previous_ = &children_.starting_;
  if (next_) next_->previous_ = &next_;
  children_.starting_ = this;
  process.job = this;
}

StartJob::~StartJob() {
  forget();
  for (int i = 0; i < 3; ++i) {
    close_one(given_[i]);
    close_one(pipes_[i]);
  }
}

std::int32_t StartJob::copy() {
  const tau_process& from = *process_;
  copy_strings(from.arguments, plan_.argument_texts, plan_.arguments);
  static const char* const nothing[] = {nullptr};
  const char* const* environment = from.environment ? from.environment : environ;
  copy_strings(environment ? environment : nothing, plan_.environment_texts, plan_.environment);
  plan_.candidates = candidates_of(from.program, path_of(plan_.environment_texts));
  if (from.directory) plan_.directory = from.directory;
  if (from.flags & TAU_PROCESS_GROUPS) plan_.groups.assign(from.groups, from.groups + from.group_count);
  plan_.flags = from.flags;
  plan_.uid = from.uid;
  plan_.gid = from.gid;
  plan_.process_group = from.process_group;
  for (int i = 0; i < 3; ++i) {
    stdio_[i] = from.stdio[i];
    if (stdio_[i] < TAU_STDIO_PIPE) return TAU_E_INVALID;
    if (stdio_[i] < 0) continue;
    given_[i] = ::fcntl(stdio_[i], F_DUPFD_CLOEXEC, 3);
    if (given_[i] < 0) return -errno;
  }
  return TAU_OK;
}

void StartJob::forget() noexcept {
  if (!process_) return;
  process_->job = nullptr;
  process_ = nullptr;
  *previous_ = next_;
  if (next_) next_->previous_ = previous_;
}

std::int32_t StartJob::open_stdio() noexcept {
  for (int i = 0; i < 3; ++i) {
    if (stdio_[i] == TAU_STDIO_NULL) {
      given_[i] = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      if (given_[i] < 0) return -errno;
    } else if (stdio_[i] == TAU_STDIO_PIPE) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) < 0) return -errno;
      given_[i] = ends[i == 0 ? 0 : 1];
      pipes_[i] = ends[i == 0 ? 1 : 0];
      // Our end alone: the child's is another description, and no program expects that its output is busy.
      if (::fcntl(pipes_[i], F_SETFL, O_NONBLOCK) < 0) return -errno;
    }
    plan_.stdio[i] = given_[i];
  }
  return 0;
}

void StartJob::work() noexcept {
  if (const std::int32_t error = open_stdio(); error < 0) {
    started_.error = error;
    started_.step = TAU_STEP_PIPES;
    return;
  }
  started_ = start_child(plan_);
  for (int& fd : given_) close_one(fd);  // or the pipes would never end
}

void StartJob::finish() noexcept {
  std::unique_ptr<StartJob> self(this);
  if (status < 0) started_.error = status;  // never ran
  tau_child child = 0;
  if (started_.error == 0) started_.error = children_.adopt(*owner, started_, plan_.flags, &child);
  if (!process_) {
    if (child) children_.release(child);
    return;
  }
  tau_process& process = *process_;
  forget();
  process.result = started_.error;
  process.step = started_.step;
  for (int i = 0; i < 3; ++i) process.pipes[i] = started_.error == 0 ? std::exchange(pipes_[i], -1) : -1;
  if (started_.error == 0) {
    process.pid = started_.pid;
    process.child = child;
  }
  process.done(&process);
}

}  // namespace tau::host
