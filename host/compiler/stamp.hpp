// Stamp: what a build read, and how each of it looked, so that the next one can be skipped without asking
// Meson or Ninja.
//
// Ninja compares times of inputs with times of outputs. It does not see a source that was edited while it
// was being compiled, a file replaced by an older one, or a new header that hides another. The stamp does:
// it holds each file's times, size and inode, and each folder's names. What Ninja would miss is answered
// with `start_over`, an empty build folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "files.hpp"

namespace tau::host {

enum class Freshness {
  fresh,       // nothing changed: the module is as good as new
  edited,      // sources are newer than what was built from them; Ninja sees that
  start_over,  // changed in a way that Ninja or Meson would miss, or there is no stamp
};

struct Stamp {
  enum class Kind : char {
    source = 's',       // newer: compile again
    description = 'd',  // meson.build, wraps, native file: set up again
    folder = 'f',       // other names in it: set up again
    output = 'o',       // the module: publish again
  };
  struct Entry {
    Kind kind;
    FileState state;
    std::string names;  // of a folder: hash of the names in it
    std::string path;   // absolute

    bool operator==(const Entry&) const = default;
  };

  std::string project;
  std::string module;         // empty: the build failed
  std::int64_t taken_ns = 0;  // on the file system's clock, after the build
  std::vector<Entry> entries;

  std::string text() const;
  /// An empty stamp when the text is not one.
  static Stamp parse(std::string_view text);

  /// Looks at the file now. Nothing is added when it is gone; false then.
  bool add(Kind kind, const std::filesystem::path& path);

  /// One stat() per entry.
  Freshness check() const;

  /// The latest mtime or ctime among what was read, but for what lies below `ours`, which only we write: a
  /// build that was begun before it may have missed an edit.
  std::int64_t newest_ns(const std::filesystem::path& ours) const;
};

/// Hash of the names in a folder, but for what editors leave there for a while.
std::string hash_names(const std::filesystem::path& folder);

/// Folders of a plugin's tree whose names matter: all but hidden ones, caches and build folders.
std::vector<std::filesystem::path> source_folders(const std::filesystem::path& tree);

}  // namespace tau::host
