// Where a new backend starts: it keeps the contract's shape and nothing more. It compiles everywhere and
// refuses everything, so it is never chosen; copy it, and let the contract suite say what is missing.
//
// A backend that learns of readiness rather than of completions derives from ReadinessReactor instead
// and has four functions to write.
#include <errno.h>

#include "backends.hpp"

namespace tau::host {
namespace {

class SkeletonReactor final : public Reactor {
 public:
  std::string_view name() const noexcept override { return "skeleton"; }

  bool submit(tau_io* op) noexcept override {
    op->result = TAU_E_UNSUPPORTED;
    return true;
  }
  bool cancel(tau_io*) noexcept override { return false; }

  std::int32_t add(tau_plugin*, int, tau_fd*) noexcept override { return -ENOSYS; }
  tau_plugin* owner_of(tau_fd) const noexcept override { return nullptr; }
  std::int32_t remove(tau_fd) noexcept override { return TAU_E_STALE; }
  std::int32_t wait_ready(tau_fd, tau_fd_wait*) noexcept override { return TAU_E_STALE; }
  bool cancel_wait(tau_fd_wait*) noexcept override { return false; }
  std::int32_t clear(tau_fd, std::uint32_t) noexcept override { return TAU_E_STALE; }

  void poll(std::int64_t) noexcept override {}
  void wake() noexcept override {}
  std::size_t pending() const noexcept override { return 0; }
  std::size_t withdraw_owner(tau_plugin*) noexcept override { return 0; }
};

}  // namespace

std::unique_ptr<Reactor> make_skeleton() { return std::make_unique<SkeletonReactor>(); }

}  // namespace tau::host
