// The module's mark, and the way from it to the owner.
#include <tau/detail/module.hpp>
#include <tau/plugin/guard.hpp>

#include <cstdio>
#include <cstdlib>

constinit tau::detail::ModuleMark PLUGIN_GUARD{tau::detail::module_mark_magic, &tau_module_owner};

namespace tau {

std::optional<PluginGuard> PluginGuard::try_current() noexcept {
  tau_plugin* const plugin = *PLUGIN_GUARD.owner;
  if (plugin == nullptr) return std::nullopt;
  return PluginGuard(plugin);
}

PluginGuard PluginGuard::current() noexcept {
  tau_plugin* const plugin = *PLUGIN_GUARD.owner;
  if (plugin == nullptr) {
    std::fputs(
        "tau: PluginGuard::current() was called by code that belongs to no plugin; "
        "use try_current() in code that may also run elsewhere\n",
        stderr);
    std::abort();
  }
  return PluginGuard(plugin);
}

}  // namespace tau
