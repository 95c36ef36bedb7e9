// spawn_blocking: a call that can only block, on a thread of the bounded pool.
#pragma once

#include <tau/rt/blocking.h>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "spawn.hpp"

namespace tau {
namespace detail {

struct Nothing {};

/// The job: on the heap, because it outlives an awaiter that is destroyed while it runs.
template <class F, class R>
class BlockingJob : tau_job {
 public:
  using Stored = std::conditional_t<std::is_void_v<R>, Nothing, R>;

  explicit BlockingJob(F&& call) : tau_job{}, call_(std::move(call)) {
    run = [](tau_job* self) { static_cast<BlockingJob*>(self)->call(); };
    done = [](tau_job* self) { static_cast<BlockingJob*>(self)->finished(); };
    owner = module_owner();
  }

  /// Whoever awaits it; deletes or abandons the job at its end.
  class Awaiter {
   public:
    explicit Awaiter(std::unique_ptr<BlockingJob> job) noexcept : job_(std::move(job)) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() {
      if (!job_ || !job_->pending_) return;
      if (tau_spawn_blocking_cancel(job_.get()) == TAU_OK) return;
      job_->waiter_ = {};
      job_.release();  // it runs: finished() deletes it
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
      job_->waiter_.set(suspended);
      job_->pending_ = true;
      job_->status = tau_spawn_blocking(job_.get());
      job_->pending_ = job_->status == TAU_OK;
      return job_->pending_;
    }
    Result<R> await_resume() {
      if (job_->exception_) std::rethrow_exception(std::exchange(job_->exception_, nullptr));
      if (job_->status < 0) return Error::from_status(job_->status);
      if constexpr (std::is_void_v<R>) {
        return {};
      } else {
        return std::move(*job_->value_);
      }
    }

   private:
    std::unique_ptr<BlockingJob> job_;
  };

 private:
  void call() noexcept {
    try {
      if constexpr (std::is_void_v<R>) {
        call_();
      } else {
        value_.emplace(call_());
      }
    } catch (...) {
      exception_ = std::current_exception();
    }
  }
  void finished() noexcept {
    pending_ = false;
    if (waiter_.context) {
      waiter_.wake();
    } else {
      delete this;
    }
  }

  F call_;
  std::optional<Stored> value_;
  std::exception_ptr exception_;
  Waiter waiter_;
  bool pending_ = false;
};

template <class F, class R>
Task<R> run_blocking(F call) {
  auto job = std::make_unique<BlockingJob<F, R>>(std::move(call));
  typename BlockingJob<F, R>::Awaiter awaiter(std::move(job));
  Result<R> result = co_await awaiter;
  if constexpr (std::is_void_v<R>) {
    result.value();
  } else {
    co_return std::move(result).value();
  }
}

}  // namespace detail

/// Runs `call` on a thread of the blocking pool.
///
/// Errors:    an exception of `call` ends the task: the handle reads Errc::threw.
/// Ownership: takes `call`; its value is moved to the loop's thread.
/// Threading: [loop]; `call` itself runs elsewhere and may use only what is [any].
/// Unload:    [drained]: queued calls are dropped, running ones are waited for. Aborting the handle
///            drops a queued call; one that runs goes on and its value is dropped.
/// See:       tokio::task::spawn_blocking
template <class F>
auto spawn_blocking(F call, detail::SourceLocation at = detail::SourceLocation::current()) {
  using R = std::invoke_result_t<F&>;
  return spawn(detail::run_blocking<F, R>(std::move(call)), at);
}

}  // namespace tau
