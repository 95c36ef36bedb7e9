// See audit.hpp.
#include "audit.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <system_error>

#include "concat.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

/// Reads a T at `offset`, if it is there.
template <typename T>
bool read_at(std::string_view bytes, std::uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

std::string_view bare(std::string_view library) {
  if (library.rfind("lib", 0) == 0 && library.size() > 3) library.remove_prefix(3);
  return library;
}

std::string_view first_component_after(std::string_view path, std::string_view folder) {
  if (path.rfind(folder, 0) != 0) return {};
  path.remove_prefix(folder.size());
  return path.substr(0, path.find('/'));
}

std::string bypassed(const Patch& patch, const std::string& trace) {
  return concat({"it uses the system's ", patch.name, " (", trace, "), which knows nothing of tau's loop; ask for ours: "
                 "dependency('", patch.name, "') among the shared_module's dependencies, instead of find_library() or "
                 "a bare #include\n"});
}

}  // namespace

bool is_system_header_of(std::string_view path, std::string_view library) {
  for (const std::string_view folder : {"/usr/include/", "/usr/local/include/", "/opt/include/"}) {
    std::string_view name = first_component_after(path, folder);
    if (name.empty()) continue;
    // /usr/include/x86_64-linux-gnu/uv.h
    if (name.find("-linux-") != name.npos) {
      name = first_component_after(path, std::string(folder) + std::string(name) + "/");
    }
    const std::string_view stem = name.substr(0, name.find('.'));
    if (stem == library || stem == bare(library)) return true;
  }
  return false;
}

bool is_library_of(std::string_view soname, std::string_view library) {
  if (soname.rfind("lib", 0) != 0 || soname == "libtau_rt.so") return false;
  soname.remove_prefix(3);
  const std::string_view name = bare(library);
  if (soname.rfind(name, 0) != 0) return false;
  const std::string_view rest = soname.substr(name.size());
  // libboost_context.so.1.74.0, libuv.so.1, libfoo-2.so
  return rest.rfind(".so", 0) == 0 ||
         (!rest.empty() && (rest[0] == '_' || rest[0] == '-') && rest.find(".so") != rest.npos);
}

namespace {

/// Strings of the dynamic section's entries with one of these tags.
std::vector<std::string> dynamic_strings(std::string_view module, std::initializer_list<Elf64_Sxword> tags) {
  Elf64_Ehdr header;
  if (!read_at(module, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64) {
    return {};
  }
  // By sections: names are offsets into the section that .dynamic is linked to.
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr dynamic;
    Elf64_Shdr strings;
    if (!read_at(module, header.e_shoff + std::uint64_t{i} * header.e_shentsize, dynamic)) return {};
    if (dynamic.sh_type != SHT_DYNAMIC) continue;
    if (!read_at(module, header.e_shoff + std::uint64_t{dynamic.sh_link} * header.e_shentsize, strings)) return {};
    std::vector<std::string> names;
    for (std::uint64_t offset = 0; offset + sizeof(Elf64_Dyn) <= dynamic.sh_size; offset += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      if (!read_at(module, dynamic.sh_offset + offset, entry) || entry.d_tag == DT_NULL) break;
      const std::uint64_t at = strings.sh_offset + entry.d_un.d_val;
      if (std::find(tags.begin(), tags.end(), entry.d_tag) == tags.end() || at >= module.size()) continue;
      const std::string_view name = module.substr(at);
      names.emplace_back(name.substr(0, name.find('\0')));
    }
    return names;
  }
  return {};
}

}  // namespace

std::vector<std::string> needed_libraries(std::string_view module) { return dynamic_strings(module, {DT_NEEDED}); }

std::vector<std::string> run_paths(std::string_view module) {
  return dynamic_strings(module, {DT_RUNPATH, DT_RPATH});
}

std::string audit_libraries(std::string_view module, const fs::path& build) {
  if (run_paths(module).empty()) return {};  // which Meson sets for such a library
  const auto needed = needed_libraries(module);
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(build, ignored), end; !ignored && it != end; it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    if (std::find(needed.begin(), needed.end(), name) == needed.end()) continue;
    return concat({"it is linked with ", name, ", a shared library that is built beside it, and is loaded without; "
                   "make that a static_library()"});
  }
  return {};
}

std::string audit_arguments(const std::vector<std::string>& arguments) {
  static constexpr std::string_view breaking[] = {
      "-fshort-enums", "-fshort-wchar", "-fpack-struct", "-D_GLIBCXX_DEBUG", "-D_GLIBCXX_USE_CXX11_ABI",
      "-mlong-double-", "-fabi-version", "-m32", "-mx32", "-funsigned-char"};
  bool after_ours = false;
  for (const std::string& argument : arguments) {
    if (argument.rfind("-DTAU_FLAGS_HASH=", 0) == 0) after_ours = true;
    for (const std::string_view each : breaking) {
      if (!after_ours || argument.rfind(each, 0) != 0) continue;
      return concat({"a target of its has the argument ", argument,
                     ", which gives types another layout than the host's; remove it"});
    }
  }
  return {};
}

std::string audit(const std::vector<Patch>& patches, const std::vector<std::string>& headers,
                  std::string_view module) {
  const auto needed = needed_libraries(module);
  std::string report;
  for (const Patch& patch : patches) {
    std::error_code ignored;
    if (fs::exists(patch.folder / "uses-system-copy", ignored)) continue;
    std::string trace;
    for (const std::string& header : headers) {
      if (trace.empty() && is_system_header_of(header, patch.name)) trace = header;
    }
    for (const std::string& library : needed) {
      if (trace.empty() && is_library_of(library, patch.name)) trace = library;
    }
    if (!trace.empty()) report += bypassed(patch, trace);
  }
  return report;
}

}  // namespace tau::host
