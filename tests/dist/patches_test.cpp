// patches.list is read by mkdist.py, when the tree is made, and by the compiler, from the tree: both must
// see the same packages.
#include "compiler/patches.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace tau::host;
namespace fs = std::filesystem;

namespace {

std::vector<Patch> load(const fs::path& list) {
  std::string error;
  const auto patches = load_patches(list, TAU_DIST_ROOT "/src", error);
  REQUIRE_MESSAGE(patches.has_value(), error);
  return *patches;
}

std::vector<std::string> names(const std::vector<Patch>& patches) {
  std::vector<std::string> names;
  for (const Patch& patch : patches) names.push_back(patch.name);
  return names;
}

}  // namespace

TEST_CASE("the dist tree's list names the source tree's packages") {
  std::string error;
  const auto text_of = fs::path(TAU_SOURCE_ROOT) / "patches.list";
  std::string text(fs::file_size(text_of), '\0');
  FILE* file = fopen(text_of.c_str(), "r");
  REQUIRE(file != nullptr);
  text.resize(fread(text.data(), 1, text.size(), file));
  fclose(file);
  const auto listed = parse_patches(text, text_of, error);
  REQUIRE_MESSAGE(listed.has_value(), error);
  CHECK(names(*listed) == names(load(TAU_DIST_ROOT "/src/patches.list")));
}

TEST_CASE("each package lies in the dist tree under its own name") {
  for (const Patch& patch : load(TAU_DIST_ROOT "/src/patches.list")) {
    CHECK(fs::equivalent(patch.folder, fs::path(TAU_DIST_ROOT) / "src" / patch.name));
  }
}
