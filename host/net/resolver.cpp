// See resolver.hpp.
#include "net/resolver.hpp"

#include <errno.h>

#include <algorithm>
#include <utility>

namespace tau::host {
namespace {

std::int32_t to_status(int code, int error) noexcept {
  switch (code) {
    case 0: return TAU_OK;
    case EAI_SYSTEM: return error > 0 ? -error : -EIO;
    case EAI_AGAIN: return TAU_E_TIMED_OUT;
    case EAI_MEMORY: return TAU_E_NO_MEMORY;
    case EAI_FAIL: return -EIO;
    case EAI_BADFLAGS:
    case EAI_FAMILY:
    case EAI_SERVICE:
    case EAI_SOCKTYPE: return TAU_E_UNSUPPORTED;
    default: return TAU_E_NOT_FOUND;  // EAI_NONAME, and what some systems tell apart from it
  }
}

std::optional<std::string> copy(const char* text) {
  return text ? std::optional<std::string>(text) : std::nullopt;
}

}  // namespace

Resolver::Job::Job(Resolver& of, tau_lookup& asking)
    : tau_job{},
      resolver(of),
      lookup(&asking),
      host(copy(asking.host)),
      service(copy(asking.service)),
      function(of.function) {
  owner = &of.self_;
  run = [](tau_job* self) { static_cast<Job*>(self)->ask(); };
  done = [](tau_job* self) {
    Job& job = *static_cast<Job*>(self);
    job.resolver.ended(job);
  };
  hints.ai_flags = asking.flags;
  hints.ai_family = asking.family;
  hints.ai_socktype = asking.socktype;
  hints.ai_protocol = asking.protocol;
}

/// On a thread of the pool.
void Resolver::Job::ask() noexcept {
  if (withdrawn.load(std::memory_order_relaxed)) return;
  addrinfo* list = nullptr;
  code = function(host ? host->c_str() : nullptr, service ? service->c_str() : nullptr, &hints, &list);
  error = errno;
  if (code == 0) found.reset(list);
}

/// Lets go of the record; returns it.
tau_lookup* Resolver::Job::forget() noexcept {
  if (!lookup) return nullptr;
  withdrawn.store(true, std::memory_order_relaxed);
  --lookup->owner->lookups;
  lookup->job = nullptr;
  return std::exchange(lookup, nullptr);
}

Resolver::Resolver(BlockingPool& pool, std::size_t most_at_once) noexcept
    : pool_(pool), most_at_once_(std::max<std::size_t>(most_at_once, 1)) {
  self_.name = "tau";
  self_.phase = Phase::running;
}

std::int32_t Resolver::start(tau_lookup& lookup) noexcept try {
  if (!lookup.owner || !lookup.done || lookup.job || (!lookup.host && !lookup.service)) return TAU_E_INVALID;
  if (!lookup.owner->accepts()) return TAU_E_UNLOADING;
  lookup.found = nullptr;
  Job& job = line_.emplace_back(*this, lookup);
  job.self = std::prev(line_.end());
  if (asked_.size() < most_at_once_) {  // then nobody else stands in line
    if (const std::int32_t status = send(job); status < 0) {
      line_.pop_back();
      return status;
    }
  }
  lookup.job = &job;
  ++lookup.owner->lookups;
  return TAU_PENDING;
} catch (...) {
  return TAU_E_NO_MEMORY;
}

/// From the line to the pool.
std::int32_t Resolver::send(Job& job) noexcept {
  const std::int32_t status = pool_.submit(&job);
  if (status < 0) return status;
  asked_.splice(asked_.end(), line_, job.self);
  job.in_line = false;
  return TAU_OK;
}

void Resolver::cancel(tau_lookup& lookup) noexcept {
  Job* const job = static_cast<Job*>(lookup.job);
  if (!job) return;
  job->forget();
  // What the pool has stays there, also if no thread has begun it: it does nothing then, and its end is what
  // calls the next.
  if (job->in_line) line_.erase(job->self);
}

void Resolver::drop_owner(Owner& owner) noexcept {
  const auto is_his = [&](const Job& job) { return job.lookup && job.lookup->owner == &owner; };
  for (Job& job : asked_) {
    if (is_his(job)) job.forget();
  }
  for (auto at = line_.begin(); at != line_.end();) {
    Job& job = *at++;
    if (!is_his(job)) continue;
    job.forget();
    line_.erase(job.self);
  }
}

/// On the loop, when the pool is done with a job.
void Resolver::ended(Job& job) noexcept {
  Jobs gone;
  gone.splice(gone.begin(), asked_, job.self);
  while (!line_.empty() && asked_.size() < most_at_once_) {
    const std::int32_t status = send(line_.front());
    if (status == TAU_OK) continue;
    if (!asked_.empty()) break;  // whose end calls the next
    // There is no thread, and none to be had: nobody would ever call those who wait.
    Jobs refused;
    refused.splice(refused.begin(), line_, line_.begin());
    tell(refused.front(), status);
  }
  tell(job, job.status < 0 ? job.status : to_status(job.code, job.error));
}

void Resolver::tell(Job& job, std::int32_t result) noexcept {
  tau_lookup* const lookup = job.forget();
  if (!lookup) return;
  lookup->result = result;
  lookup->code = job.code;
  lookup->found = result == TAU_OK ? job.found.release() : nullptr;
  lookup->done(lookup);
}

}  // namespace tau::host
