// Session: what one run of tau does with plugins. It owns the parts in the order in which they need one
// another and is what `run` and `script` are written in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder.hpp"
#include "plugin/loader.hpp"
#include "plugin/registry.hpp"
#include "plugin/unload.hpp"
#include "plugin/watchdog.hpp"
#include "runtime/runtime.hpp"
#include "signals.hpp"

namespace tau::host {

class Session {
 public:
  /// Null with `*why` when there is no reactor.
  static std::unique_ptr<Session> make(const std::filesystem::path& patches, std::string* why);
  ~Session();

  /// Compiles what is a source tree and loads all, in the order given. What fails is shown and counted;
  /// what does not is told to `loaded` before the next one is loaded.
  void load(const std::vector<std::filesystem::path>& paths, const std::function<void(Plugin&)>& loaded = {});
  /// Null with the error shown.
  Plugin* load(const std::filesystem::path& path);

  /// Compiles and loads anew what `plugin` was loaded from, then unloads the old one. If anything fails,
  /// the old one stays (I9).
  bool reload(Plugin& plugin);

  /// Sends a message; its answer is shown. `ended(ok)` is called once. False if it answers none.
  bool send(Plugin& plugin, std::string payload, std::function<void(bool)> ended = {});

  /// Unloads and waits until the mapping is gone or only guards held elsewhere keep it. False, with the
  /// reason shown, if it stays mapped.
  bool unload(Plugin& plugin);
  void unload_all();

  /// Turns the loop until `done`, an end signal or, if given, a deadline. True if `done`.
  bool run_until(const std::function<bool()>& done, std::optional<std::chrono::nanoseconds> limit = {});
  /// Lets what is ready happen, for a moment at most.
  void settle();
  /// Whether some plugin has something that will go on by itself.
  bool has_live_work() const;

  Plugin* find(std::string_view name) const { return registry_.find(name); }
  const Registry& registry() const noexcept { return registry_; }
  Runtime& runtime() noexcept { return runtime_; }
  const Builder& builder() const noexcept { return builder_; }
  /// Whether a module loaded under that name or from that path is mapped.
  bool is_mapped(const std::string& name_or_path) const;
  /// Whether some module was unloaded and yet stays mapped.
  bool has_stuck() const;
  /// What failed so far.
  unsigned failures() const noexcept { return failures_; }

 private:
  Session(std::unique_ptr<Reactor> reactor, const std::filesystem::path& patches);

  Plugin* load_module(const std::filesystem::path& source, const std::filesystem::path& module, std::string name);
  void fail(std::string_view prefix, std::string_view text);
  bool built(const std::filesystem::path& tree, const CompileResult& result);

  struct Loaded {
    std::string name;
    std::filesystem::path source;  // as given
    std::filesystem::path copy;    // what is mapped
  };

  Runtime runtime_;
  EndSignals signals_;
  Registry registry_;
  Watchdog watchdog_;
  Unloader unloader_;
  Builder builder_;
  Loader loader_;
  std::vector<Loaded> loaded_;
  std::map<std::uint64_t, std::filesystem::path> sources_;  // by plugin id
  std::uint64_t last_message_ = 0;
  unsigned failures_ = 0;
};

}  // namespace tau::host
