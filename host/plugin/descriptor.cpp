// See descriptor.hpp.
#include "descriptor.hpp"

#include <algorithm>

#include "abi_text.hpp"
#include "elf_file.hpp"

namespace tau::host {
namespace {

const char* const rebuild = "; rebuild it with this host: tau --plugin DIR";
const char* const link_with_map = "; link it with tau's version script, as `tau --plugin DIR` does";

// libc's own lists of destructors: an entry keeps the module mapped (the first two) or is called after
// it is gone. The sdk defines hidden ones in their place, so a module that asks for them was linked
// without it.
constexpr std::string_view forbidden_imports[] = {"__cxa_thread_atexit", "__cxa_thread_atexit_impl", "on_exit"};

// Types of the notes whose owner is `tau`.
constexpr std::uint32_t abi_note = 1;
constexpr std::uint32_t seam_note = 2;
constexpr std::string_view seam_version = "seam=2";

// A module that asks libc for these has an event loop that would stop everybody's. The seam defines them hidden, so
// a module that has it asks nobody.
constexpr std::string_view loop_imports[] = {"epoll_create", "epoll_create1", "epoll_ctl",   "epoll_wait",
                                             "epoll_pwait",  "epoll_pwait2"};
// And of these the loop would know nothing.
constexpr std::string_view ring_imports[] = {"io_uring_queue_init", "io_uring_queue_init_params", "io_uring_setup"};

bool allowed_export(std::string_view name) {
  return name.starts_with("plugin_") || name.starts_with("tau_plugin_");
}

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// The first few, since there may be thousands.
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < 3; ++i) out += (i == 0 ? "'" : ", '") + names[i] + "'";
  if (names.size() > 3) out += " and " + std::to_string(names.size() - 3) + " more";
  return out;
}

std::string abi_refusal(const Descriptor& d, std::string_view host_abi) {
  if (d.abi_notes.empty()) {
    return "has no tau ABI note, so nothing tells how it was compiled; build it with this host (tau --plugin "
           "DIR), or, when it is written in C, include <tau/rt/note.h> in one source file";
  }
  for (const auto& note : d.abi_notes) {
    const std::string difference = abi_difference(note, host_abi);
    if (!difference.empty()) return "was built for another ABI than this host's: " + difference + rebuild;
  }
  return {};
}

std::string linkage_refusal(const Descriptor& d) {
  if (!d.uniques.empty()) {
    return "defines " + listed(d.uniques) +
           " as STB_GNU_UNIQUE, which would keep it mapped for ever; compile with -fno-gnu-unique" + link_with_map;
  }
  if (d.nodelete) return "is marked NODELETE, so it could never be unloaded; link it without -z nodelete";
  if (d.static_tls) {
    return "uses static thread-local storage, of which a process has room for a few modules only; compile with -fPIC "
           "and without -ftls-model or the tls_model attribute";
  }
  if (d.text_relocations) return "has text relocations: its code would be rewritten when loaded; compile all of it with -fPIC";
  if (d.writable_code) return "has a segment that is both writable and executable; link it without -z rwx-segments or -N";
  if (d.executable_stack) return "asks for an executable stack; link it with -z noexecstack";
  for (const auto name : forbidden_imports) {
    if (contains(d.imports, name)) {
      return "asks libc for '" + std::string(name) +
             "', whose list would outlive it or keep it mapped; link the sdk into it: dependency('tau')";
    }
  }
  if (contains(d.needed, "libtau.so")) {
    return "needs libtau.so, but the sdk is part of each plugin and never shared; use dependency('tau')";
  }
  if (!d.search_path.empty()) {
    return "brings a library search path of its own ('" + d.search_path +
           "'), which could load other libraries than the host's; link it without -rpath";
  }
  return {};
}

std::string loop_refusal(const Descriptor& d) {
  for (const std::string& note : d.seam_notes) {
    if (note != seam_version) {
      return "was linked with another tau-seam than this host's (" + note + ", not " + std::string(seam_version) + ")" +
             rebuild;
    }
  }
  for (const auto name : loop_imports) {
    if (!contains(d.imports, name)) continue;
    return "runs an event loop of its own on libc's '" + std::string(name) +
           "', which would stop everybody else's; ask for the library whose loop it is by its name, as in "
           "dependency('asio') or dependency('boost'), or for dependency('tau-seam') when the loop is the plugin's own, "
           "among the shared_module's dependencies";
  }
  for (const auto name : ring_imports) {
    if (!contains(d.imports, name)) continue;
    return "runs an io_uring of its own ('" + std::string(name) +
           "'), of which the loop knows nothing; build it without, for Asio: without ASIO_HAS_IO_URING and "
           "BOOST_ASIO_HAS_IO_URING. tau uses io_uring by itself where the kernel has it";
  }
  return {};
}

std::string export_refusal(const Descriptor& d) {
  for (const std::string_view entry : {"plugin_init", "plugin_destroy"}) {
    if (!contains(d.exports, entry)) {
      return "has no entry point '" + std::string(entry) +
             "'; define it as extern \"C\", or use TAU_DEFINE_PLUGIN in one source file";
    }
  }
  std::vector<std::string> extra;
  std::copy_if(d.exports.begin(), d.exports.end(), std::back_inserter(extra),
               [](const auto& name) { return !allowed_export(name); });
  if (!extra.empty()) {
    return "shows " + listed(extra) + ", to which a library that stays could bind and keep it mapped" + link_with_map;
  }
  return {};
}

}  // namespace

std::string read_descriptor(int fd, Descriptor* out) {
  ElfFile file;
  if (std::string wrong = file.read(fd); !wrong.empty()) return wrong;

  Descriptor d;
  d.abi_notes = file.notes(abi_note);
  d.seam_notes = file.notes(seam_note);
  for (const auto& entry : file.dynamic()) {
    const auto value = entry.d_un.d_val;
    switch (entry.d_tag) {
      case DT_SONAME: d.soname = file.text(value); break;
      case DT_NEEDED: d.needed.emplace_back(file.text(value)); break;
      case DT_RPATH:
      case DT_RUNPATH: d.search_path = file.text(value); break;
      case DT_TEXTREL: d.text_relocations = true; break;
      case DT_FLAGS:
        d.static_tls |= (value & DF_STATIC_TLS) != 0;
        d.text_relocations |= (value & DF_TEXTREL) != 0;
        break;
      case DT_FLAGS_1:
        d.nodelete |= (value & DF_1_NODELETE) != 0;
        d.program |= (value & DF_1_PIE) != 0;
        break;
      default: break;
    }
  }
  // Where the stack segment is missing, the kernel takes the stack to be executable.
  d.executable_stack = true;
  for (const auto& s : file.segments()) {
    if (s.p_type == PT_GNU_STACK) d.executable_stack = (s.p_flags & PF_X) != 0;
    if (s.p_type == PT_LOAD && (s.p_flags & PF_W) != 0 && (s.p_flags & PF_X) != 0) d.writable_code = true;
  }
  for (const auto& s : file.symbols()) {
    if (!s.defined) {
      d.imports.emplace_back(s.name);
      continue;
    }
    d.exports.emplace_back(s.name);
    if (s.binding == STB_GNU_UNIQUE) d.uniques.emplace_back(s.name);
  }
  if (d.program) return "is a program, not a shared object";
  *out = std::move(d);
  return {};
}

std::string refusal(const Descriptor& d, std::string_view host_abi) {
  // The ABI first: most other findings follow from a foreign build, and its remedy cures them too.
  std::string why = abi_refusal(d, host_abi);
  if (why.empty()) why = linkage_refusal(d);
  if (why.empty()) why = loop_refusal(d);
  if (why.empty()) why = export_refusal(d);
  return why;
}

std::string check_module(int fd, std::string_view path, std::string_view host_abi) {
  Descriptor descriptor;
  std::string wrong = read_descriptor(fd, &descriptor);
  if (wrong.empty()) wrong = refusal(descriptor, host_abi);
  if (wrong.empty()) return {};
  return "module '" + std::string(path) + "' " + wrong;
}

}  // namespace tau::host
