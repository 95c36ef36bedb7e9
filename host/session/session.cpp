#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "compiler/flags.hpp"
#include "console.hpp"
#include "plugin/module.hpp"

namespace tau::host {

namespace {

constexpr std::chrono::seconds init_patience{2};

bool is_tree(const std::filesystem::path& path) {
  std::error_code error;
  // What does not exist is the compiler's to complain about, unless it is named like a module.
  return std::filesystem::is_directory(path, error) || path.extension() != ".so";
}

// To a line about something that is waited for: what to do after an end signal.
std::string with_remedy(std::string_view line) {
  std::string text(line);
  if (EndSignals::received()) text += " (the same signal again ends tau at once)";
  return text;
}

// Whether the first line of a compiler's words says already which plugin it is about.
bool names(const std::string& text, std::string tree) {
  while (tree.size() > 1 && tree.back() == '/') tree.pop_back();
  return text.substr(0, text.find('\n')).find(tree) != text.npos;
}

}  // namespace

std::unique_ptr<Session> Session::make(const std::filesystem::path& patches, std::string* why) {
  auto reactor = make_reactor("auto", why);
  if (!reactor) return nullptr;
  return std::unique_ptr<Session>(new Session(std::move(reactor), patches));
}

Session::Session(std::unique_ptr<Reactor> reactor, const std::filesystem::path& patches)
    : runtime_(std::move(reactor), {}),
      signals_(runtime_.signals),
      watchdog_([](std::string_view line) { console::error_line("tau", with_remedy(line)); }, init_patience),
      unloader_(runtime_, registry_, watchdog_, [](const std::string& line) { console::error_line("tau", with_remedy(line)); }),
      builder_(runtime_, patches),
      loader_(registry_, unloader_, watchdog_,
              {.flags_hash = flags_hash(),
               .rt_library = builder_.compiler().installation().rt_library,
               .folder = {}}) {
  runtime_.signals.report = [](const std::string& line) { console::error_line("tau", line); };
}

Session::~Session() = default;

void Session::fail(std::string_view prefix, std::string_view text) {
  ++failures_;
  console::error_line(prefix, text);
}

bool Session::built(const std::filesystem::path& tree, const CompileResult& result) {
  if (!result.ok) {
    fail("Compiler", names(result.error, tree) ? result.error : tree.string() + ": " + result.error);
    return false;
  }
  if (!result.warnings.empty()) {
    console::error_line("Compiler",
                        names(result.warnings, tree) ? result.warnings : tree.string() + ": " + result.warnings);
  }
  return true;
}

void Session::load(const std::vector<std::filesystem::path>& paths, const std::function<void(Plugin&)>& loaded) {
  std::vector<std::filesystem::path> trees;
  std::copy_if(paths.begin(), paths.end(), std::back_inserter(trees), is_tree);
  std::vector<CompileResult> results = builder_.build(trees);
  auto result = results.begin();
  for (const auto& path : paths) {
    Plugin* plugin = nullptr;
    if (!is_tree(path)) {
      plugin = load_module(path, path, {});
    } else if (const CompileResult& compiled = *result++; built(path, compiled)) {
      plugin = load_module(path, compiled.module, compiled.name);
    }
    if (plugin && loaded) loaded(*plugin);
  }
}

Plugin* Session::load(const std::filesystem::path& path) {
  Plugin* fresh = nullptr;
  load(std::vector{path}, [&](Plugin& plugin) { fresh = &plugin; });
  return fresh;
}

Plugin* Session::load_module(const std::filesystem::path& source, const std::filesystem::path& module,
                             std::string name) {
  if (EndSignals::received()) return nullptr;
  LoadResult result = loader_.load(module, std::move(name));
  if (!result.plugin) {
    fail("tau", result.error);
    return nullptr;
  }
  sources_[result.plugin->id] = source;
  loaded_.push_back({result.plugin->name, source, result.plugin->module->copy()});
  return result.plugin;
}

bool Session::reload(Plugin& plugin) {
  std::uint64_t old = plugin.id;
  Plugin* fresh = load(sources_[old]);
  if (!fresh) {
    console::error_line("tau", "'" + plugin.name + "' could not be reloaded; the version that runs stays");
    return false;
  }
  Plugin* replaced = registry_.find(old);
  return !replaced || unload(*replaced);
}

bool Session::send(Plugin& plugin, std::string payload, std::function<void(bool)> ended) {
  if (!plugin.request) return false;
  std::uint64_t id = ++last_message_;
  auto show = [name = plugin.name, id, ended = std::move(ended)](std::int32_t status, const std::string* answer) {
    std::string message = "message " + std::to_string(id);
    if (status < 0) {
      console::error_line(name, message + " failed: " +
                                    (answer ? *answer : std::string("the plugin was unloaded before it answered")));
    } else if (answer) {
      console::line(name, message + " answered: " + *answer);
    }
    if (ended) ended(status >= 0);
  };
  runtime_.requests.send(plugin, plugin.request, id, std::move(payload), std::move(show));
  return true;
}

bool Session::unload(Plugin& plugin) {
  bool ended = false;
  UnloadResult result;
  std::uint64_t id = plugin.id;
  auto state = std::make_shared<std::pair<bool, UnloadResult>>();
  unloader_.unload(plugin, [state](Plugin&, const UnloadResult& outcome) { *state = {true, outcome}; });
  runtime_.run_until([&] {
    Plugin* left = registry_.find(id);
    ended = state->first;
    return ended || !left || left->phase.load() == Phase::pinned;
  });
  if (!ended) return true;  // guards held elsewhere keep it mapped: their right
  result = state->second;
  if (!result.unmapped) ++failures_;  // the unloader has said why
  return result.unmapped;
}

void Session::unload_all() {
  bool done = false;
  unloader_.unload_all([&] { done = true; });
  runtime_.run_until([&] { return done; });
  if (has_stuck()) ++failures_;
}

bool Session::has_stuck() const {
  return std::any_of(registry_.all().begin(), registry_.all().end(), [](const auto& plugin) { return plugin->stuck; });
}

bool Session::has_live_work() const {
  return std::any_of(registry_.all().begin(), registry_.all().end(),
                     [](const auto& plugin) { return plugin->has_live_work(); }) ||
         !unloader_.idle();
}

void Session::settle() {
  // A task that is ready for ever must not keep the next plugin from being loaded.
  constexpr std::uint64_t moment_ns = 10'000'000;
  std::uint64_t over = runtime_.clock.now() + moment_ns;
  do {
    runtime_.turn(false);
  } while ((runtime_.executor.ready() || runtime_.remote.pending()) && runtime_.clock.now() < over);
}

bool Session::run_until(const std::function<bool()>& done, std::optional<std::chrono::nanoseconds> limit) {
  struct Deadline : tau_timer {
    bool over = false;
  } deadline{};
  Owner self;
  deadline.owner = &self;
  deadline.fire = [](tau_timer* timer) { static_cast<Deadline*>(timer)->over = true; };
  if (limit) runtime_.arm(&deadline, runtime_.clock.now() + static_cast<std::uint64_t>(limit->count()));
  runtime_.run_until([&] { return done() || deadline.over || EndSignals::received(); });
  // Who subscribed to the signal is told before anybody is unloaded for it.
  if (EndSignals::received()) settle();
  runtime_.wheel.cancel(&deadline);
  return done();
}

bool Session::is_mapped(const std::string& name_or_path) const {
  return std::any_of(loaded_.begin(), loaded_.end(), [&](const Loaded& loaded) {
    return (loaded.name == name_or_path || loaded.source == name_or_path) && tau::host::is_mapped(loaded.copy);
  });
}

}  // namespace tau::host
