// The smallest plugin that does something: says hello, waits a second on the shared loop, says goodbye.
#include <tau/tau.hpp>

#include <chrono>
#include <string>

class MyPlugin {
 public:
  // The constructor is init, the destructor is destroy; neither may wait.
  MyPlugin() { tau::print("hello"); }
  ~MyPlugin() { tau::print("goodbye"); }

  // Lives as long as the plugin; destroyed where it waits when the plugin is unloaded.
  tau::Task<void> run() {
    co_await tau::sleep(std::chrono::seconds(1));
    tau::print("a second has passed");
  }
};

TAU_DEFINE_PLUGIN(MyPlugin)
