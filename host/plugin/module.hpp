// Module: one loaded copy of one module's file.
//
// Each generation is opened from a fresh copy with a name of its own, never from the original and never
// through a link: the dynamic linker recognises files by name and by inode, and would hand out the old
// generation; and a compiler that writes into a mapped file crashes whoever runs it. The copy is also
// what was checked: nobody else can write it, so there is no moment between check and use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "private_folder.hpp"

namespace tau::host {

/// Threading: [loop], all of it.
class Module {
 public:
  struct Request {
    std::filesystem::path file;
    std::string name;           // of the plugin: letters, digits and . _ -
    std::uint64_t generation;   // name and generation together are new in this process
    std::string_view host_abi;  // host_abi_text()
  };

  /// Copies and checks; nothing of it runs (I5). Null, with `*why` as a sentence that names the file,
  /// when it is refused.
  static std::unique_ptr<Module> prepare(const Request& request, PrivateFolder& folder, std::string* why);

  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  /// A module that was not closed stays mapped: the process ends with it. Its copy is removed.
  ~Module();

  /// Opens the copy: its static constructors have run on return. False, with `*why`, if the dynamic
  /// linker refuses it; then nothing of it has run. Libraries that came with it stay for good.
  bool open(std::string* why);

  /// Address of an entry point, null if the module has none of its own.
  void* symbol(const char* name) const noexcept;

  /// Closes it: static destructors run, the mapping goes, its addresses are reserved (tombstones.hpp),
  /// the copy is removed. True if /proc/self/maps shows it gone (I6); otherwise `*why` says what may
  /// keep it, and the copy stays on disk for whoever looks for the reason.
  /// Never from a frame of the module itself.
  bool close(std::string* why);

  /// Whether the copy is mapped into this process now.
  bool mapped() const;

  const std::filesystem::path& copy() const noexcept { return copy_; }
  std::uintptr_t begin() const noexcept { return begin_; }
  std::uintptr_t end() const noexcept { return end_; }

 private:
  Module() = default;
  std::string what_keeps_it() const;

  std::filesystem::path copy_;
  std::string name_;
  std::uint64_t generation_ = 0;
  void* handle_ = nullptr;
  std::uintptr_t begin_ = 0;
  std::uintptr_t end_ = 0;
  bool keep_copy_ = false;
};

/// Whether any mapping of this process is backed by the file at `path`.
bool is_mapped(const std::filesystem::path& path);

}  // namespace tau::host
