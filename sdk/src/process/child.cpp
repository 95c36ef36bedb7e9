// See process/child.hpp.
#include <tau/process/child.hpp>

#include <signal.h>

#include <new>

#include "output_drain.hpp"

namespace tau::process {

Child::Child(const tau_process& started) noexcept : child_(started.child), pid_(started.pid) {
  if (started.pipes[0] >= 0) std_in.emplace(detail::Descriptor(started.pipes[0]));
  if (started.pipes[1] >= 0) std_out.emplace(detail::Descriptor(started.pipes[1]));
  if (started.pipes[2] >= 0) std_err.emplace(detail::Descriptor(started.pipes[2]));
}

Child::Child(Child&& other) noexcept
    : std_in(std::exchange(other.std_in, std::nullopt)),
      std_out(std::exchange(other.std_out, std::nullopt)),
      std_err(std::exchange(other.std_err, std::nullopt)),
      child_(std::exchange(other.child_, 0)),
      pid_(other.pid_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    release();
    std_in = std::exchange(other.std_in, std::nullopt);
    std_out = std::exchange(other.std_out, std::nullopt);
    std_err = std::exchange(other.std_err, std::nullopt);
    child_ = std::exchange(other.child_, 0);
    pid_ = other.pid_;
  }
  return *this;
}

Child::~Child() { release(); }

void Child::release() noexcept {
  if (child_) tau_child_release(std::exchange(child_, 0));
}

std::optional<int> Child::id() const noexcept {
  std::int32_t status = 0;
  return tau_child_status(child_, &status) == TAU_PENDING ? std::optional(pid_) : std::nullopt;
}

Result<std::optional<ExitStatus>> Child::try_wait() noexcept {
  std::int32_t raw = 0;
  const std::int32_t answer = tau_child_status(child_, &raw);
  if (answer < 0) return Error::from_status(answer);
  if (answer == TAU_PENDING) return std::optional<ExitStatus>();
  return std::optional(ExitStatus::from_raw(raw));
}

Result<void> Child::signal(int number) noexcept { return Result<void>::from_status(tau_child_signal(child_, number)); }

Result<void> Child::start_kill() noexcept { return signal(SIGKILL); }

Task<Result<void>> Child::kill() {
  if (Result<void> sent = start_kill(); !sent && sent.error() != Error::system(ESRCH)) co_return sent.error();
  Result<ExitStatus> ended = co_await wait();
  if (!ended) co_return ended.error();
  co_return Result<void>();
}

Task<Result<Output>> Child::wait_with_output() {
  std_in.reset();
  Output output;
  {
    process::detail::OutputDrain drain(std_out, output.std_out, std_err, output.std_err);
    while (!drain.at_end()) {
      co_await drain.more();
      if (Result<void> taken = drain.take(); !taken) co_return taken.error();
    }
  }
  std_out.reset();
  std_err.reset();
  Result<ExitStatus> ended = co_await wait();
  if (!ended) co_return ended.error();
  output.status = *ended;
  co_return output;
}

}  // namespace tau::process
