// Resolver: getaddrinfo(3) on the blocking pool, for the host and not for the plugin that asks.
//
// A resolver may hang for minutes and cannot be called back, so nothing of the asker's is on its thread: the
// job works on copies, and is accounted to the host itself. Withdrawing is then one assignment, and an unload
// does not wait. Two lists hold all jobs: the line, first come, first served, and those that the pool has. The
// second is bounded, so that hanging resolvers leave the pool's other threads to everybody else. A job that
// was withdrawn keeps its place in there until its thread comes back: it is the thread that is bounded.
#pragma once

#include <netdb.h>
#include <tau/rt/blocking.h>
#include <tau/rt/resolve.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "runtime/blocking_pool.hpp"
#include "runtime/owner.hpp"

namespace tau::host {

/// Threading: [loop], all of it. See tau/rt/resolve.h for what the calls mean.
class Resolver {
 public:
  /// What is asked; has the signature of getaddrinfo(3), and its list is ended by freeaddrinfo(3). [any]
  using Function = int (*)(const char* host, const char* service, const addrinfo* hints, addrinfo** found);

  /// `most_at_once`: how many threads of the pool may be inside `function`; one at least.
  Resolver(BlockingPool& pool, std::size_t most_at_once) noexcept;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  /// Every owner has been emptied, and the pool has no job any more.
  ~Resolver() = default;

  std::int32_t start(tau_lookup& lookup) noexcept;
  void cancel(tau_lookup& lookup) noexcept;

  /// Withdraws all questions of `owner`, telling nobody.
  void drop_owner(Owner& owner) noexcept;

  /// How many the pool has, withdrawn ones included: while there are any the pool cannot be destroyed without
  /// waiting.
  std::size_t asked() const noexcept { return asked_.size(); }
  /// How many stand in line.
  std::size_t waiting() const noexcept { return line_.size(); }

  /// Tests put another in its place.
  Function function = &::getaddrinfo;

 private:
  struct Job;
  using Jobs = std::list<Job>;

  struct Job : tau_job {
    Job(Resolver& of, tau_lookup& asking);
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    tau_lookup* forget() noexcept;
    void ask() noexcept;

    Resolver& resolver;
    tau_lookup* lookup;  // null: withdrawn
    Jobs::iterator self{};
    bool in_line = true;
    std::optional<std::string> host, service;
    addrinfo hints{};
    Function function;
    std::atomic<bool> withdrawn{false};
    // What came of it.
    int code = 0;
    int error = 0;  // errno, for EAI_SYSTEM
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found{nullptr, &::freeaddrinfo};
  };

  std::int32_t send(Job& job) noexcept;
  void ended(Job& job) noexcept;
  static void tell(Job& job, std::int32_t result) noexcept;

  BlockingPool& pool_;
  const std::size_t most_at_once_;
  Owner self_;  // of all jobs
  Jobs line_;
  Jobs asked_;
};

}  // namespace tau::host
