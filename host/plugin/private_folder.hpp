// Private folder: where this process keeps the copies of modules that it opens.
//
// Made anew by each process, readable by its user alone, and locked as long as the process lives: so
// the next one can tell the folder of a dead process, which kill -9 left behind, from one in use, also
// across process namespaces, where numbers of processes mean nothing.
#pragma once

#include <filesystem>
#include <string>

namespace tau::host {

/// Threading: [loop]. The folder goes, with what is in it, when the object does.
class PrivateFolder {
 public:
  PrivateFolder() = default;
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder();

  /// The folder, made by the first call, which also removes those of dead processes. Lies in the first
  /// of `base` (if not empty), $XDG_RUNTIME_DIR, $TMPDIR and /tmp that can be written and may hold code.
  /// Empty, with `*why`, when there is none.
  const std::filesystem::path& path(std::string* why, const std::filesystem::path& base = {});

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace tau::host
