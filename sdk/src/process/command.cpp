// See process/command.hpp.
#include <tau/process/command.hpp>

#include <unistd.h>

extern char** environ;

namespace tau::process {

Command::Command(std::string program) : program_(std::move(program)) { arguments_.push_back(program_); }

Command& Command::arg(std::string argument) {
  arguments_.push_back(std::move(argument));
  return *this;
}

Command& Command::arg0(std::string name) {
  arguments_.front() = std::move(name);
  return *this;
}

Command& Command::env(std::string name, std::string value) {
  changes_[std::move(name)] = std::move(value);
  return *this;
}

Command& Command::env_remove(std::string name) {
  changes_[std::move(name)] = std::nullopt;
  return *this;
}

Command& Command::env_clear() {
  changes_.clear();
  clears_ = true;
  return *this;
}

Command& Command::current_dir(std::string directory) {
  directory_ = std::move(directory);
  return *this;
}

Command& Command::groups(std::vector<std::uint32_t> ids) {
  groups_ = std::move(ids);
  flags_ |= TAU_PROCESS_GROUPS;
  return *this;
}

Command& Command::process_group(int group) {
  process_group_ = group;
  flags_ |= TAU_PROCESS_GROUP;
  return *this;
}

Command& Command::new_session() {
  flags_ |= TAU_PROCESS_SESSION;
  return *this;
}

Command& Command::kill_on_drop(bool kill) {
  flags_ = kill ? flags_ | TAU_PROCESS_KILL_ON_DROP : flags_ & ~std::uint32_t{TAU_PROCESS_KILL_ON_DROP};
  return *this;
}

std::int32_t Command::submit(tau_process& process, std::optional<Stdio> unset_in,
                             std::optional<Stdio> unset_out) const {
  // A zero inside a text would end it early, and another program than was named would run.
  for (const std::string& each : arguments_) {
    if (each.find('\0') != each.npos) return TAU_E_INVALID;
  }
  if ((program_ + directory_).find('\0') != std::string::npos) return TAU_E_INVALID;

  std::vector<const char*> arguments;
  for (const std::string& each : arguments_) arguments.push_back(each.c_str());
  arguments.push_back(nullptr);

  std::vector<std::string> texts;
  std::vector<const char*> environment;
  if (clears_ || !changes_.empty()) {
    for (char** each = clears_ ? nullptr : environ; each && *each; ++each) {
      const std::string_view entry(*each);
      if (!changes_.contains(std::string(entry.substr(0, entry.find('='))))) environment.push_back(*each);
    }
    for (const auto& [name, value] : changes_) {
      if (name.empty() || name.find('=') != name.npos || name.find('\0') != name.npos) return TAU_E_INVALID;
      if (value && value->find('\0') != value->npos) return TAU_E_INVALID;
      if (value) texts.push_back(name + '=' + *value);
    }
    for (const std::string& each : texts) environment.push_back(each.c_str());
    environment.push_back(nullptr);
  }

  process.program = program_.c_str();
  process.arguments = arguments.data();
  process.environment = environment.empty() ? nullptr : environment.data();
  process.directory = directory_.empty() ? nullptr : directory_.c_str();
  process.groups = groups_.data();
  process.group_count = static_cast<std::uint32_t>(groups_.size());
  process.flags = flags_;
  process.uid = uid_;
  process.gid = gid_;
  process.process_group = process_group_;
  const std::optional<Stdio> unset[3] = {unset_in, unset_out, unset_out};
  for (int i = 0; i < 3; ++i) {
    process.stdio[i] = stdio_[i].value_or(unset[i].value_or(Stdio::inherit())).raw();
  }
  return tau_process_spawn(&process);
}

std::string Command::what() const {
  if (failure_ == 0) return {};
  const std::string program = "'" + program_ + "'";
  const auto id = [](std::uint32_t number) { return std::to_string(number); };
  std::string text;
  switch (failed_step_) {
    case TAU_STEP_PIPES: text = "cannot make the pipes of " + program; break;
    case TAU_STEP_STDIO: text = "cannot set up the standard streams of " + program; break;
    case TAU_STEP_GROUPS: text = "cannot set the groups of " + program; break;
    case TAU_STEP_GID: text = "cannot become group " + id(gid_) + " for " + program; break;
    case TAU_STEP_UID: text = "cannot become user " + id(uid_) + " for " + program; break;
    case TAU_STEP_DIRECTORY: text = "cannot enter '" + directory_ + "' for " + program; break;
    case TAU_STEP_SESSION: text = "cannot make a session for " + program; break;
    case TAU_STEP_PROCESS_GROUP:
      text = "cannot join process group " + std::to_string(process_group_) + " with " + program;
      break;
    default: text = "cannot start " + program; break;
  }
  return text + ": " + Error::from_status(failure_).message();
}

Spawn::~Spawn() {
  if (job) tau_process_cancel(this);
  if (child) Child unclaimed(*this);  // which gives it up
}

Result<Child> Spawn::await_resume() noexcept {
  command_.failure_ = result;
  command_.failed_step_ = step;
  if (result < 0) return Error::from_status(result);
  Child started(*this);
  child = 0;
  return started;
}

Task<Result<ExitStatus>> Command::status() {
  Result<Child> child = co_await spawn();
  if (!child) co_return child.error();
  co_return co_await child->wait();
}

Task<Result<Output>> Command::output() {
  Result<Child> child = co_await Spawn(*this, Stdio::null(), Stdio::piped());
  if (!child) co_return child.error();
  co_return co_await child->wait_with_output();
}

}  // namespace tau::process
