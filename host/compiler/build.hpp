// Build: one workspace, taken through Meson and Ninja.
//
// The folder is `sound` or it is thrown away: the mark goes before either tool may write there and comes
// back when it has ended by itself, so that a kill at any moment costs a build from nothing and no thought.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache.hpp"
#include "command.hpp"
#include "compiler.hpp"

namespace tau::host {

class Build {
 public:
  /// `lock` must be held; the tools inherit it, so orphans of a killed host are waited for.
  Build(const Slot& slot, const FileLock& lock, Progress progress, std::stop_token stop)
      : slot_(slot), lock_(lock), progress_(std::move(progress)), stop_(std::move(stop)) {}

  bool is_sound() const;

  /// An empty build folder, set up. [blocking]
  CommandResult setup() const;

  /// Brings `target` up to date. [blocking]
  CommandResult ninja(const std::string& target) const;

  /// What Ninja knows: header files of each object, files a target is made from.
  std::vector<std::string> dependencies() const;
  std::vector<std::string> inputs(const std::string& target) const;

  /// The mark goes: the next build starts over.
  void condemn() const;

 private:
  CommandResult run(std::vector<std::string> arguments, bool tell) const;

  const Slot& slot_;
  const FileLock& lock_;
  Progress progress_;
  std::stop_token stop_;
};

/// Ninja's status lines begin with this; diagnostics.hpp drops them.
inline constexpr std::string_view ninja_status = "@tau@ ";

}  // namespace tau::host
