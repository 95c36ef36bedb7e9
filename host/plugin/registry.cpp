// See registry.hpp.
#include "registry.hpp"

#include <algorithm>

namespace tau::host {

Plugin& Registry::add(std::string name, std::uint64_t generation, std::filesystem::path file,
                      std::unique_ptr<Module> module) {
  auto plugin = std::make_unique<Plugin>();
  plugin->id = ++last_id_;
  plugin->generation = generation;
  plugin->name = std::move(name);
  plugin->file = std::move(file);
  plugin->module = std::move(module);
  plugins_.push_back(std::move(plugin));
  return *plugins_.back();
}

void Registry::remove(Plugin& plugin) noexcept {
  if (plugin.id == last_id_) --last_id_;
  std::erase_if(plugins_, [&](const auto& p) { return p.get() == &plugin; });
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

// The order of the two looks matters: whoever is seen to have given back the last guard was counted in
// remote_calls before (Runtime::release), and touches the record no more once that is seen as zero.
void Registry::sweep() noexcept {
  std::erase_if(plugins_, [](const auto& p) {
    return p->phase.load() == Phase::closed && !p->stuck && p->refs.load() == 0 && p->remote_calls.load() == 0;
  });
}

}  // namespace tau::host
