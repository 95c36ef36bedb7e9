// PluginGuard: a counted reference to a plugin, for whatever holds code or data of its module.
//
// While a guard exists the module stays mapped; its tasks and the rest are taken down all the same
// when it is unloaded. PluginBox, PluginArc and PluginFn carry one each, which is what to use for an
// object that travels; a bare guard is for code that keeps a pointer by other means.
//
// PLUGIN_GUARD is the module's own mark (I3): each plugin has one, in its data segment, at an address
// of its own, because the sdk is compiled into every plugin. Were it shared, two plugins would find
// one owner, and current() would give one of them the other's guard.
#pragma once

#include <tau/rt/plugin.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace tau::detail {

/// What PLUGIN_GUARD is: a magic, so that it stands in .data and not in .bss, and the way to the owner.
struct ModuleMark {
  std::uint64_t magic;
  tau_plugin* const* owner;
};
inline constexpr std::uint64_t module_mark_magic = 0x6472'6175'675f'7561;

}  // namespace tau::detail

extern "C" __attribute__((visibility("hidden"))) tau::detail::ModuleMark PLUGIN_GUARD;

namespace tau {

/// Keeps one plugin's module mapped.
///
/// Ownership: one count of the plugin; copies count anew, a moved-from guard holds nothing.
/// Threading: [any]
/// Unload:    [pins]. The last guard of a module must not be let go by code of that module on a thread
///            that the runtime does not know: nothing would keep the code under its feet.
class PluginGuard {
 public:
  /// A guard of the plugin whose code this is. Aborts with a message where there is none: in a program
  /// that is no plugin, or before the module's opening has set it.
  static PluginGuard current() noexcept;
  /// The same; empty where there is none.
  static std::optional<PluginGuard> try_current() noexcept;

  /// Counts another reference to `plugin`; null makes an empty guard.
  explicit PluginGuard(tau_plugin* plugin) noexcept : plugin_(plugin) {
    if (plugin_ != nullptr) tau_plugin_retain(plugin_);
  }
  PluginGuard(const PluginGuard& other) noexcept : PluginGuard(other.plugin_) {}
  PluginGuard(PluginGuard&& other) noexcept : plugin_(std::exchange(other.plugin_, nullptr)) {}
  PluginGuard& operator=(PluginGuard other) noexcept {
    std::swap(plugin_, other.plugin_);
    return *this;
  }
  ~PluginGuard() {
    if (plugin_ != nullptr) tau_plugin_release(plugin_);
  }

  /// Guards of that plugin at this moment, this one included.
  std::uint64_t ref_count() const noexcept { return plugin_ == nullptr ? 0 : tau_plugin_refs(plugin_); }
  /// Small, unique in the process, from 1 in load order; 0 for an empty guard.
  std::uint64_t plugin_id() const noexcept { return plugin_ == nullptr ? 0 : tau_plugin_id(plugin_); }
  /// Valid as long as the guard.
  std::string_view name() const noexcept { return plugin_ == nullptr ? "" : tau_plugin_name(plugin_); }
  tau_plugin* get() const noexcept { return plugin_; }

 private:
  tau_plugin* plugin_;
};

}  // namespace tau
