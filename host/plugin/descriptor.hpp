// Descriptor: what a module's file says about itself, read before any of its code runs (I5).
//
// Reading and judging are two steps, so that a build can audit what a load would refuse. Each refusal
// stands for a way in which a module was seen to stay mapped for ever, to crash when it was unloaded,
// or to take others with it; none can be repaired once dlopen has run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

struct Descriptor {
  std::vector<std::string> abi_notes;   // how it was compiled, in the words of abi_text.hpp
  std::vector<std::string> seam_notes;  // left by compat/seam: its own calls of epoll reach the loop
  std::string soname;
  std::string search_path;             // RUNPATH or RPATH
  std::vector<std::string> needed;
  std::vector<std::string> exports;    // defined and visible
  std::vector<std::string> uniques;    // of those, STB_GNU_UNIQUE
  std::vector<std::string> imports;    // asked of others
  bool nodelete = false;               // DF_1_NODELETE
  bool static_tls = false;             // DF_STATIC_TLS
  bool text_relocations = false;
  bool writable_code = false;          // a segment that is writable and executable
  bool executable_stack = false;
  bool program = false;                // DF_1_PIE: a program that looks like a shared object
};

/// Reads the module open as `fd`. Returns what is wrong with the file, in words that follow "it", or
/// nothing. [any]
std::string read_descriptor(int fd, Descriptor* out);

/// Why a module may not be loaded, in words that follow "it", with the remedy; nothing if it may.
/// `host_abi` is host_abi_text(). [any]
std::string refusal(const Descriptor& descriptor, std::string_view host_abi);

/// Both steps. The answer begins with "module 'PATH' "; `path` is for the message alone.
std::string check_module(int fd, std::string_view path, std::string_view host_abi);

}  // namespace tau::host
