// A reactor that watches nothing and counts how it is asked: for what a turn asks of the kernel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "reactor/reactor.hpp"

namespace tau::test {

struct CountingReactor final : host::Reactor {
  std::size_t watched = 0;
  std::vector<std::int64_t> polls;
  int wakes = 0;

  std::string_view name() const noexcept override { return "counting"; }
  bool submit(tau_io*) noexcept override { return false; }
  bool cancel(tau_io*) noexcept override { return false; }
  std::int32_t add(tau_plugin*, int, tau_fd*) noexcept override { return TAU_E_UNSUPPORTED; }
  tau_plugin* owner_of(tau_fd) const noexcept override { return nullptr; }
  std::int32_t remove(tau_fd) noexcept override { return TAU_E_STALE; }
  std::int32_t wait_ready(tau_fd, tau_fd_wait*) noexcept override { return TAU_E_STALE; }
  bool cancel_wait(tau_fd_wait*) noexcept override { return false; }
  std::int32_t clear(tau_fd, std::uint32_t) noexcept override { return TAU_E_STALE; }
  void poll(std::int64_t timeout_ns) noexcept override { polls.push_back(timeout_ns); }
  void wake() noexcept override { ++wakes; }
  std::size_t pending() const noexcept override { return watched; }
  std::size_t withdraw_owner(tau_plugin*) noexcept override { return 0; }
};

}  // namespace tau::test
