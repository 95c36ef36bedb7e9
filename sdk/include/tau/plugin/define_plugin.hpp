// TAU_DEFINE_PLUGIN: a class becomes a plugin.
//
//   class Greeter {
//    public:
//     Greeter();                                          // init: throwing refuses to load, with its text
//     ~Greeter();                                         // destroy
//     std::string request(std::string_view payload);      // optional: answers messages
//     tau::Task<void> run();                              // optional: lives as long as the plugin
//     void stop();                                        // optional: ends calls that wait, before all else
//   };
//   TAU_DEFINE_PLUGIN(Greeter)
//
// What the class does not have, the module does not export: the host asks only plugins with a
// plugin_request for answers. All that leaves the class by exception is caught here (I13).
#pragma once

#include "../detail/plugin_object.hpp"

/// Defines the module's entry points. Once in a plugin, at global scope, without a semicolon.
///
/// request() comes in four forms: `std::string` or `void`, at once or as a `Task`; the payload comes
/// as std::string_view or std::string and stays valid until the Task has ended. An exception answers with
/// an error; a Task that is destroyed before its end answers `canceled`.
///
/// Ownership: the module owns the one object; init makes it, destroy deletes it.
/// Threading: [loop]: all of them run there. The Tasks may wait by co_await; a call that waits without it, such as
///            the run() of an event loop from elsewhere, is suspended with its stack (tau/rt/fiber.h).
/// Unload:    the coroutines of run() and request() are destroyed first, then the object, then whatever
///            else the plugin has spawned: such a task is not resumed any more, but destructors in it
///            run, and must not touch the object. One that stands in a suspended call cannot be destroyed: stop()
///            is there to make the call return, and after 100 ms it is unwound. The object waits for that.
#define TAU_DEFINE_PLUGIN(Type)                                                                   \
  static constinit ::tau::detail::PluginObject<Type>* tau_plugin_object = nullptr;                \
  template <class Plugin>                                                                         \
  struct TauPluginRequest {                                                                       \
    friend void plugin_request(tau_plugin*, tau_request* request) noexcept {                      \
      ::tau::detail::answer(static_cast<::tau::detail::PluginObject<Plugin>*&>(tau_plugin_object), request); \
    }                                                                                             \
  };                                                                                              \
  int32_t plugin_init(tau_plugin* self) noexcept {                                                \
    ::tau::detail::export_request<Type, TauPluginRequest>();                                      \
    return ::tau::detail::make_plugin(self, tau_plugin_object);                                   \
  }                                                                                               \
  void plugin_destroy(tau_plugin*) noexcept { ::tau::detail::destroy_plugin(tau_plugin_object); }
