// What `tau bench` can measure: a list beside the plugins that do it, so that neither is part of the host.
//
//   name = plugins: what is measured      # comment
//   name = serve plugin: what it serves
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

struct BenchEntry {
  std::string name;
  std::vector<std::string> plugins;  // folders beside the list; the first is asked
  std::string what;
  bool serves = false;  // until it is ended; a load generator measures
};

struct BenchList {
  std::vector<BenchEntry> entries;
  std::string error;  // "NAME:LINE: what is wrong"; not to be used unless empty

  const BenchEntry* find(std::string_view name) const;
};

/// `name` is the file's, for messages.
BenchList parse_bench_list(std::string_view text, const std::string& name);

}  // namespace tau::host
