// A plugin to copy: it prints, keeps a closure that pins it, answers messages and runs a task.
#include <tau/tau.hpp>

#include <string>
#include <string_view>

class ExamplePlugin {
 public:
  // Init. Throwing here refuses to load, and the host shows the text.
  ExamplePlugin() {
    const tau::PluginGuard guard = tau::PluginGuard::current();
    tau::print("Initialized! plugin_id=", guard.plugin_id(), ", guard refs=", guard.ref_count());

    // Could be handed to another plugin: it holds a guard, so this module stays as long as it does.
    const std::string greeting = "hello from plugin ";
    tau::PluginFn<std::string(int)> closure = [greeting](int id) { return greeting + std::to_string(id); };
    const tau::Result<std::string> said = closure(static_cast<int>(guard.plugin_id()));
    tau::print("Guarded closure says: ", said ? *said : said.error().message());
  }

  // Destroy. Tasks that still wait go right after it.
  ~ExamplePlugin() { tau::print("Destroyed!"); }

  // Answers a message of the host.
  std::string request(std::string_view payload) {
    tau::print("Got request: ", payload);
    tau::spawn(work()).detach();
    return R"({"ok":true})";
  }

 private:
  // Static, because it may outlive the object.
  static tau::Task<void> work() {
    tau::print("Async task running!");
    co_await tau::yield_now();  // or sleep, or wait for anything: everybody else goes on meanwhile
    tau::print("Async task done!");
  }
};

TAU_DEFINE_PLUGIN(ExamplePlugin)
