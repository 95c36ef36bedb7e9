// A module without a file, for a program that unloads plugins without a dynamic linker.
#pragma once

#include <memory>

#include "plugin/module.hpp"

namespace tau::test {

/// Its close only calls `module_closes`.
std::unique_ptr<host::Module> make_module();

/// Called at the very moment when a plugin's code would go. [loop]
extern void (*module_closes)(const host::Module* module);

}  // namespace tau::test
