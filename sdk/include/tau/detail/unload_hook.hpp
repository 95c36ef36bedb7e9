// UnloadHook: what a library inside the module stops when its plugin is about to go, before suspended calls are
// unwound: an event loop that the host runs returns by itself then.
#pragma once

namespace tau::detail {

/// Called once, on the loop's thread, after the plugin's object was destroyed, or waits only for calls of it that are
/// suspended. Lives in static storage; [loop].
struct UnloadHook {
  explicit UnloadHook(void (*unload)(UnloadHook& self)) noexcept : unload(unload), next(first) { first = this; }
  UnloadHook(const UnloadHook&) = delete;
  UnloadHook& operator=(const UnloadHook&) = delete;

  void (*unload)(UnloadHook& self);
  UnloadHook* next;

  static inline constinit UnloadHook* first = nullptr;

  static void run_all() noexcept {
    for (UnloadHook* hook = first; hook; hook = hook->next) hook->unload(*hook);
    first = nullptr;
  }
};

}  // namespace tau::detail
