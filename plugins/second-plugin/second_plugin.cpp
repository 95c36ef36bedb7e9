// The least that a plugin can be; it has an identity of its own beside every other plugin.
#include <tau/tau.hpp>

#include <cstdint>
#include <string_view>

class SecondPlugin {
 public:
  SecondPlugin() { tau::print("init! plugin_id=", id()); }
  void request(std::string_view) { tau::print("request, plugin_id=", id()); }

 private:
  static std::uint64_t id() { return tau::PluginGuard::current().plugin_id(); }
};

TAU_DEFINE_PLUGIN(SecondPlugin)
