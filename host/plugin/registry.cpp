// See registry.hpp.
#include "registry.hpp"

#include <algorithm>

namespace tau::host {

Plugin& Registry::add(std::string name, std::filesystem::path file) {
  auto plugin = std::make_unique<Plugin>();
  plugin->id = ++last_id_;
  plugin->generation = ++generations_[name];
  plugin->name = std::move(name);
  plugin->file = std::move(file);
  plugins_.push_back(std::move(plugin));
  return *plugins_.back();
}

Plugin* Registry::find(std::string_view name) const noexcept {
  const auto found = std::find_if(plugins_.rbegin(), plugins_.rend(), [&](const auto& p) {
    return p->name == name && p->phase.load(std::memory_order_relaxed) == Phase::running;
  });
  return found != plugins_.rend() ? found->get() : nullptr;
}

Plugin* Registry::find(std::uint64_t id) const noexcept {
  const auto found = std::find_if(plugins_.begin(), plugins_.end(), [&](const auto& p) { return p->id == id; });
  return found != plugins_.end() ? found->get() : nullptr;
}

// The order of the three looks matters: whoever is seen to have given back the last guard was counted
// in releasing_ before, and is done once that is seen as zero afterwards.
std::size_t Registry::sweep() noexcept {
  std::size_t kept = 0;
  std::erase_if(plugins_, [&](const auto& p) {
    if (p->phase.load() != Phase::closed) return false;
    const bool free = p->refs.load() == 0 && p->thread_exits.load() == 0 && releasing_.load() == 0;
    kept += free ? 0 : 1;
    return free;
  });
  return kept;
}

bool Registry::release(tau_plugin& plugin) noexcept {
  releasing_.fetch_add(1);
  const bool last = plugin.refs.fetch_sub(1) == 1;
  const bool waited_for = last && plugin.phase.load() == Phase::pinned;
  releasing_.fetch_sub(1);
  return waited_for;
}

}  // namespace tau::host
