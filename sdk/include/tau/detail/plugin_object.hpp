// PluginObject: what stands behind TAU_DEFINE_PLUGIN: the author's object, its coroutines, and the way
// from the C entry points to its members.
#pragma once

#include <tau/rt/plugin.h>

#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../log.hpp"
#include "../spawn.hpp"
#include "plugin_part.hpp"
#include "request.hpp"
#include "unload_hook.hpp"

namespace tau::detail {

template <class P>
struct PluginObject : PluginParts {
  P plugin;
};

template <class P>
concept HasRun = requires(P& plugin) { plugin.run(); };

template <class P>
concept HasStop = requires(P& plugin) {
  { plugin.stop() } -> std::same_as<void>;
};

template <class P>
concept TakesView = requires(P& plugin, std::string_view payload) { plugin.request(payload); };

template <class P>
concept AnswersRequests = TakesView<P> || requires(P& plugin, std::string payload) {
  plugin.request(std::move(payload));
};

// A member of that name which cannot be called would be left out without a word. It is found by making
// the name ambiguous, which happens before access is looked at.
struct HasRequestName {
  int request;
};
struct HasRunName {
  int run;
};
template <class P, class Name>
struct WithName : P, Name {};
template <class P>
concept NamesRequest = !std::is_final_v<P> && !requires { &WithName<P, HasRequestName>::request; };
template <class P>
concept NamesRun = !std::is_final_v<P> && !requires { &WithName<P, HasRunName>::run; };

// ---- run() -----------------------------------------------------------------------------------------

/// The task of run(): tells of an exception, since nobody joins it. `object` is null when it has been destroyed.
template <class P>
Task<void> run_part(PluginObject<P>*& object, Task<void> work) {
  if (object == nullptr) co_return;
  PluginPart<void> part(*object, std::move(work));
  try {
    (void)co_await part;
  } catch (const std::exception& error) {
    log(LogLevel::error, "run() ended with an exception: ", error.what());
  } catch (...) {
    if (part.stopping()) throw;  // the host unwinds what it has suspended
    with_exception_text([](std::string_view text) { log(LogLevel::error, "run() ended with an exception: ", text); });
  }
}

// ---- init and destroy ------------------------------------------------------------------------------

/// Deletes the object when nothing of it is on a stack any more.
template <class P>
void stop_plugin(PluginObject<P>& object) noexcept {
  if constexpr (HasStop<P>) {
    try {
      object.plugin.stop();
    } catch (...) {
      with_exception_text([](std::string_view text) { log(LogLevel::error, "stop() threw: ", text); });
    }
  }
  object.stop([](PluginParts& parts) noexcept {
    try {
      delete static_cast<PluginObject<P>*>(&parts);
    } catch (...) {
      with_exception_text([](std::string_view text) { log(LogLevel::error, "its destructor threw: ", text); });
    }
  });
}

template <class P>
void destroy_plugin(PluginObject<P>*& object) noexcept {
  if (object != nullptr) stop_plugin(*std::exchange(object, nullptr));
  UnloadHook::run_all();
}

template <class P>
std::int32_t make_plugin(tau_plugin* self, PluginObject<P>*& object) noexcept {
  static_assert(std::is_default_constructible_v<P>,
                "TAU_DEFINE_PLUGIN: the host makes the plugin, so its constructor takes no arguments");
  static_assert(HasRun<P> || !NamesRun<P>, "TAU_DEFINE_PLUGIN: run() must be public and take no arguments");
  static_assert(AnswersRequests<P> || !NamesRequest<P>,
                "TAU_DEFINE_PLUGIN: request() must be public and take a std::string_view or a std::string");
  try {
    object = new PluginObject<P>();
    if constexpr (HasRun<P>) {
      static_assert(std::same_as<decltype(object->plugin.run()), Task<void>>,
                    "TAU_DEFINE_PLUGIN: run() returns tau::Task<void>");
      spawn(run_part(object, object->plugin.run())).detach();
    }
    return TAU_OK;
  } catch (...) {
    with_exception_text([self](std::string_view text) { tau_plugin_set_error(self, text.data(), text.size()); });
  }
  destroy_plugin(object);
  return TAU_E_THREW;
}

// ---- request() -------------------------------------------------------------------------------------

/// Calls request() with what it takes. `payload` outlives the call, and the Task that it may return.
template <class P>
decltype(auto) call_request(P& plugin, std::string& payload) {
  if constexpr (TakesView<P>) {
    return plugin.request(std::string_view(payload));
  } else {
    return plugin.request(std::move(payload));
  }
}

template <class P>
using RequestOutcome = decltype(call_request(std::declval<P&>(), std::declval<std::string&>()));

/// From inside a catch clause.
inline void fail(Request& request, const PluginPartBase& part) {
  try {
    throw;
  } catch (const std::exception&) {
    request.fail_with_exception();
  } catch (...) {
    // Else the host unwinds what it has suspended, and a request that is dropped is answered `canceled`.
    if (!part.stopping()) request.fail_with_exception();
  }
}

template <class P>
Task<void> answer_later(PluginObject<P>*& object, Request request) {
  using T = typename TaskValue<RequestOutcome<P>>::type;
  if (object == nullptr) co_return;
  std::string payload(request.payload());
  PluginPart<T> part(*object, call_request(object->plugin, payload));
  try {
    Result<T> outcome = co_await part;
    if (!outcome) co_return;  // the object is gone; `request` says so
    if constexpr (std::is_void_v<T>) {
      request.end_unanswered();
    } else {
      request.answer(std::string_view(*outcome));
    }
  } catch (...) {
    fail(request, part);
  }
}

/// plugin_request of a plugin that answers.
template <class P>
void answer(PluginObject<P>*& object, tau_request* raw) noexcept {
  using R = RequestOutcome<P>;
  Request request(raw);
  const PluginCall call(*object);
  try {
    if constexpr (requires { typename TaskValue<R>::type; }) {
      using T = typename TaskValue<R>::type;
      static_assert(std::is_void_v<T> || std::convertible_to<T, std::string_view>,
                    "TAU_DEFINE_PLUGIN: request() returns std::string, void, or a tau::Task of one of these");
      spawn(answer_later(object, std::move(request))).detach();
    } else {
      static_assert(std::is_void_v<R> || std::convertible_to<R, std::string_view>,
                    "TAU_DEFINE_PLUGIN: request() returns std::string, void, or a tau::Task of one of these");
      std::string payload(request.payload());
      if constexpr (std::is_void_v<R>) {
        call_request(object->plugin, payload);
        request.end_unanswered();
      } else {
        request.answer(call_request(object->plugin, payload));
      }
    }
  } catch (...) {
    // Not raw: a frame that could not be allocated has taken the request along, and answered it.
    if (request) fail(request, call);
  }
}

/// Makes a plugin_request appear in this module if, and only if, P answers: `Entry` declares it as a
/// friend, which the compiler defines where Entry is complete and the function is used.
template <class P, template <class> class Entry>
void export_request() noexcept {
  if constexpr (AnswersRequests<P>) {
    [[maybe_unused]] Entry<P> complete;
    [[maybe_unused]] auto* volatile used = &::plugin_request;
  }
}

}  // namespace tau::detail
