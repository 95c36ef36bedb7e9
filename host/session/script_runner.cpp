#include "script_runner.hpp"

#include <optional>
#include <string>

#include "cli/message.hpp"
#include "console.hpp"

namespace tau::host {
namespace {

// What went wrong, or nothing.
using Outcome = std::optional<std::string>;

Outcome on_plugin(Session& session, const ScriptCommand& command) {
  const std::string& name = command.arguments[0];
  Plugin* plugin = session.find(name);
  if (!plugin) return "no plugin '" + name + "' is running";
  switch (command.verb) {
    case ScriptVerb::unload:
      if (!session.unload(*plugin)) return "'" + name + "' stays mapped";
      return {};
    case ScriptVerb::reload:
      if (!session.reload(*plugin)) return "'" + name + "' was not reloaded";
      return {};
    default: {
      std::string payload = command.arguments.size() > 1 ? to_payload(command.arguments[1]) : "null";
      std::optional<bool> ended;
      if (!session.send(*plugin, payload, [&](bool ok) { ended = ok; })) return "'" + name + "' answers no messages";
      if (!session.run_until([&] { return ended.has_value(); })) return "ended before the answer came";
      if (!*ended) return "the message failed";
      return {};
    }
  }
}

Outcome drive(Session& session, const ScriptCommand& command) {
  bool limited = !command.arguments.empty();
  std::optional<std::chrono::nanoseconds> limit;
  if (limited) limit = command.duration;
  if (session.run_until([&] { return !session.has_live_work(); }, limit)) return {};
  std::string busy;
  for (const auto& plugin : session.registry().all()) {
    if (plugin->has_live_work()) busy += (busy.empty() ? "" : ", ") + plugin->name;
  }
  return "still live: " + busy;
}

bool changes_plugins(ScriptVerb verb) {
  return verb == ScriptVerb::load || verb == ScriptVerb::unload || verb == ScriptVerb::reload;
}

Outcome carry_out(Session& session, const ScriptCommand& command) {
  switch (command.verb) {
    case ScriptVerb::load:
      if (!session.load(std::filesystem::path(command.arguments[0]))) return "not loaded: " + command.arguments[0];
      return {};
    case ScriptVerb::unload:
    case ScriptVerb::reload:
    case ScriptVerb::send: return on_plugin(session, command);
    case ScriptVerb::sleep: session.run_until([] { return false; }, command.duration); return {};
    case ScriptVerb::drive: return drive(session, command);
    case ScriptVerb::assert_resource:
      if (!session.runtime().resources.owner_of(command.arguments[0])) {
        return "there is no resource '" + command.arguments[0] + "'";
      }
      return {};
    case ScriptVerb::assert_no_resource:
      if (const Owner* owner = session.runtime().resources.owner_of(command.arguments[0])) {
        return "there is a resource '" + command.arguments[0] + "', of '" + owner->name + "'";
      }
      return {};
    case ScriptVerb::assert_unmapped:
      if (session.is_mapped(command.arguments[0])) return "'" + command.arguments[0] + "' is still mapped";
      return {};
    case ScriptVerb::print: {
      std::string text;
      for (const auto& word : command.arguments) text += (text.empty() ? "" : " ") + word;
      console::line("script", text);
      return {};
    }
  }
  return "unknown command";
}

}  // namespace

unsigned run_script(Session& session, const Script& script, const std::string& name) {
  unsigned failed = 0;
  for (const ScriptCommand& command : script.commands) {
    if (EndSignals::received()) {
      console::error_line("script", name + ":" + std::to_string(command.line) +
                                        ": ended by a signal; what follows was not done");
      return failed + 1;
    }
    Outcome wrong = carry_out(session, command);
    // The next command finds done what the plugin, and the others, do about it at once.
    if (changes_plugins(command.verb)) session.settle();
    if (!wrong) continue;
    ++failed;
    console::error_line("script", name + ":" + std::to_string(command.line) + ": " +
                                      std::string(verb_name(command.verb)) + ": " + *wrong);
  }
  return failed;
}

}  // namespace tau::host
