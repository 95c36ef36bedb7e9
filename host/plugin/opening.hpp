// Opening: which plugin's module this thread opens, initialises, destroys or closes just now.
//
// A module's first constructor asks for it (tau_plugin_opening) and so learns who it is.
#pragma once

#include "runtime/owner.hpp"

namespace tau::host {

/// The innermost scope's plugin, null outside of all. [any]
Owner* opening() noexcept;

class OpeningScope {
 public:
  explicit OpeningScope(Owner* plugin) noexcept;
  ~OpeningScope();
  OpeningScope(const OpeningScope&) = delete;
  OpeningScope& operator=(const OpeningScope&) = delete;

 private:
  Owner* outer_;
};

/// Where that is kept: each stack of the loop's thread has its own.
void* opening_variable() noexcept;

/// Text of the exception being handled: what() of a std::exception, otherwise its type. Call it in the
/// handler, while the module that threw is mapped; the text is a copy.
std::string current_exception_text();

}  // namespace tau::host
