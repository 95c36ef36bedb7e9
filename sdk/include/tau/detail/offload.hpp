// Offload: a call that can only block, as a part of the awaiting task.
//
// Unlike spawn_blocking it makes no task, and the call can be told that nobody waits any more: it gets a flag
// to look at between two steps. What it refers to must be its own, since it may go on after its awaiter is
// gone; what it returns is destroyed on the loop then, so a descriptor in it is closed.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "../spawn_blocking.hpp"

namespace tau::detail {

/// True when whoever waited is gone. [any]
using StopFlag = std::atomic<bool>;

/// `call(const StopFlag&)` runs on the blocking pool and returns a Result.
///
/// Errors:    of the call; Errc::unloading; Errc::no_memory when no thread is to be had.
/// Unload:    [drained]: what runs is told to stop and waited for.
template <class F>
auto offload(F call) -> Task<std::invoke_result_t<F&, const StopFlag&>> {
  auto stop = std::make_shared<StopFlag>(false);
  struct Guard {
    explicit Guard(std::shared_ptr<StopFlag> of) noexcept : flag(std::move(of)) {}
    Guard(const Guard&) = delete;
    ~Guard() { flag->store(true, std::memory_order_relaxed); }
    std::shared_ptr<StopFlag> flag;
  } guard(stop);
  auto stoppable = [call = std::move(call), stop]() mutable { return call(*stop); };
  using Job = BlockingJob<decltype(stoppable), std::invoke_result_t<F&, const StopFlag&>>;
  auto job = std::make_unique<Job>(std::move(stoppable));
  typename Job::Awaiter awaiter(std::move(job));
  auto result = co_await awaiter;
  if (!result) co_return result.error();
  co_return std::move(*result);
}

}  // namespace tau::detail
