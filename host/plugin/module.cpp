// See module.hpp.
#include "module.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "console.hpp"
#include "descriptor.hpp"
#include "file_copy.hpp"
#include "opening.hpp"
#include "tombstones.hpp"
#include "trusted_file.hpp"

namespace tau::host {
namespace {

// Where the objects of this process are, told by the dynamic linker under its own lock.
struct Objects {
  std::string_view wanted;              // the module's own name
  std::uintptr_t begin = 0, end = 0;    // its addresses
  std::vector<std::string> after;       // objects that came behind it: what it brought along
};

int visit(dl_phdr_info* info, std::size_t, void* argument) {
  auto& objects = *static_cast<Objects*>(argument);
  if (objects.end != 0) {
    if (info->dlpi_name[0] != '\0') objects.after.emplace_back(info->dlpi_name);
    return 0;
  }
  if (objects.wanted != info->dlpi_name) return 0;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  objects.begin = ~std::uintptr_t{0};
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    const std::uintptr_t from = info->dlpi_addr + segment.p_vaddr;
    objects.begin = std::min(objects.begin, from & ~(page - 1));
    objects.end = std::max(objects.end, (from + segment.p_memsz + page - 1) & ~(page - 1));
  }
  return 0;
}

// A library that a module brings along is never unloaded again: many were not written for it (an OpenMP
// runtime leaves threads behind).
void pin(const std::string& library) {
  if (void* handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE)) dlclose(handle);
}

struct Needing {
  std::string_view file;
  std::string who;
};

// Looks for an object whose list of needed libraries names the module's file.
int visit_needing(dl_phdr_info* info, std::size_t, void* argument) {
  auto& needing = *static_cast<Needing*>(argument);
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* first = reinterpret_cast<const ElfW(Dyn)*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    const char* strings = nullptr;
    for (const auto* d = first; d->d_tag != DT_NULL; ++d) {
      // Relocated in place by glibc; the vdso's is not, and needs nothing.
      if (d->d_tag == DT_STRTAB && d->d_un.d_ptr > info->dlpi_addr) strings = reinterpret_cast<const char*>(d->d_un.d_ptr);
    }
    if (strings == nullptr) continue;
    for (const auto* d = first; d->d_tag != DT_NULL; ++d) {
      if (d->d_tag != DT_NEEDED) continue;
      const std::string_view needed = strings + d->d_un.d_val;
      if (needed.substr(needed.rfind('/') + 1) == needing.file) needing.who = info->dlpi_name;
    }
  }
  return 0;
}

std::string read_maps() {
  std::string text;
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  text.resize(32 * 1024);
  std::size_t size = 0;
  for (;;) {
    if (size == text.size()) text.resize(2 * size);
    const ssize_t n = read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  close(fd);
  text.resize(size);
  return text;
}

}  // namespace

bool is_mapped(const std::filesystem::path& path) {
  const std::string maps = read_maps();
  const std::string& name = path.native();
  if (maps.empty()) {
    // No /proc here: the dynamic linker's list is the next best witness.
    Objects objects;
    objects.wanted = name;
    dl_iterate_phdr(visit, &objects);
    return objects.end != 0;
  }
  // A whole path at the line's end: nothing follows it but, for a removed file, a word in parentheses.
  for (auto at = maps.find(name); at != std::string::npos; at = maps.find(name, at + 1)) {
    const char after = at + name.size() < maps.size() ? maps[at + name.size()] : '\n';
    if ((after == '\n' || after == ' ') && maps[at - 1] == ' ') return true;
  }
  return false;
}

std::unique_ptr<Module> Module::prepare(const Request& request, PrivateFolder& folder, std::string* why) {
  const std::string subject = "module '" + request.file.string() + "' ";
  std::string reason;
  const auto& base = folder.path(&reason);
  if (base.empty()) {
    *why = reason;
    return nullptr;
  }
  const int from = open_trusted(request.file, &reason);
  if (from < 0) {
    *why = subject + reason;
    return nullptr;
  }
  std::unique_ptr<Module> module(new Module);
  module->name_ = request.name;
  module->generation_ = request.generation;
  module->copy_ = base / (request.name + "." + std::to_string(request.generation) + ".so");
  const int copy = copy_file(from, module->copy_, &reason);
  ::close(from);
  if (copy < 0) {
    *why = subject + "cannot be copied to '" + module->copy_.string() + "': " + reason;
    module->copy_.clear();  // not ours, or removed again
    return nullptr;
  }
  *why = check_module(copy, request.file.native(), request.host_abi);
  ::close(copy);
  return why->empty() ? std::move(module) : nullptr;
}

// An exception may not leave the dynamic linker, which would keep its lock for ever. One thrown by a
// static constructor ends the process, as it does at a program's start, but not without a word.
static void* open_handle(const std::string& name, const char* path) noexcept {
  // libc declares that dlopen throws nothing; called directly, the handler would be left out.
  void* (*volatile open)(const char*, int) = dlopen;
  try {
    return open(path, RTLD_NOW | RTLD_LOCAL);
  } catch (...) {
    console::error_line("tau", "plugin '" + name + "': a static constructor threw: " + current_exception_text() +
                                   "; nothing can go on from here, catch it inside or do this in plugin_init");
    std::abort();
  }
}

bool Module::open(std::string* why) {
  handle_ = open_handle(name_, copy_.c_str());
  if (handle_ == nullptr) {
    const char* text = dlerror();
    *why = text != nullptr ? text : "the dynamic linker gives no reason";
    return false;
  }
  Objects objects;
  objects.wanted = copy_.native();
  dl_iterate_phdr(visit, &objects);
  begin_ = objects.begin;
  end_ = objects.end;
  for (const auto& library : objects.after) pin(library);
  return true;
}

void* Module::symbol(const char* name) const noexcept {
  // dlsym also searches what the module links; an entry point counts only if it is the module's own.
  void* found = dlsym(handle_, name);
  const auto address = reinterpret_cast<std::uintptr_t>(found);
  return address >= begin_ && address < end_ ? found : nullptr;
}

bool Module::mapped() const { return is_mapped(copy_); }

bool Module::close(std::string* why) {
  if (handle_ == nullptr) return true;
  dlclose(handle_);
  handle_ = nullptr;
  if (mapped()) {
    keep_copy_ = true;
    *why = what_keeps_it();
    return false;
  }
  tombstones::put(begin_, end_, name_.c_str(), generation_);
  ::unlink(copy_.c_str());
  copy_.clear();
  return true;
}

std::string Module::what_keeps_it() const {
  const std::string file = copy_.filename();
  Needing needing{file, {}};
  dl_iterate_phdr(visit_needing, &needing);
  if (!needing.who.empty()) return "'" + needing.who + "' links it; a plugin may not link another";

  void* handle = dlopen(copy_.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) {
    return "the dynamic linker has let go of it, but something maps its file '" + copy_.string() + "' by itself";
  }
  dlclose(handle);
  Descriptor descriptor;
  std::string guess;
  const int fd = ::open(copy_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (read_descriptor(fd, &descriptor).empty()) {
      for (const auto& name : descriptor.imports) {
        if (name == "dlopen") guess = "; it calls dlopen, so it may hold a handle of itself";
      }
    }
    ::close(fd);
  }
  return "the dynamic linker still holds it: another dlopen of it was not closed, a library that it uses registered a "
         "thread_local destructor in its name, or a library that stays bound to one of its symbols" + guess;
}

Module::~Module() {
  if (!copy_.empty() && !keep_copy_) ::unlink(copy_.c_str());
}

}  // namespace tau::host
