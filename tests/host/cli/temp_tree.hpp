// A folder that goes away with its test, and shorthand for filling it.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tau::test {

class TempTree {
 public:
  TempTree() : root_((std::filesystem::temp_directory_path() / "tau-cli-XXXXXX").string()) {
    REQUIRE(mkdtemp(root_.data()) != nullptr);
    root_ = std::filesystem::canonical(root_).string();
  }
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;
  ~TempTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::filesystem::path path() const { return root_; }
  std::filesystem::path operator/(const std::string& relative) const { return path() / relative; }

  /// Makes the file and the folders above it.
  std::filesystem::path file(const std::string& relative, const std::string& text = "") const {
    const std::filesystem::path at = path() / relative;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text;
    return at;
  }

 private:
  std::string root_;
};

}  // namespace tau::test
