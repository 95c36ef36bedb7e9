// The module's owner, and the mark by which a loader knows that the module has a seam.
#include <tau/rt/plugin.h>

#include "seam.hpp"

namespace tau::seam {

__attribute__((weak)) tau_plugin* owner = nullptr;

namespace {

void opened() { owner = tau_plugin_opening(); }

// Beside the sdk's: constructors of static objects, Asio's thread keys among them, ask for the owner already.
__attribute__((section(".init_array.00001"), used)) void (*constructor)() = opened;

// An ELF note, owner `tau`: see host/plugin/descriptor.cpp.
struct Note {
  std::uint32_t name_size = 4;
  std::uint32_t text_size = 8;
  std::uint32_t type = 2;
  char name[4] = "tau";
  char text[8] = "seam=2";
};
__attribute__((section(".note.tau.seam"), used, aligned(4))) constinit const Note note;

}  // namespace
}  // namespace tau::seam
