// Figures of `tau bench`: lines of JSON as benches print them, of one run or several, made one line of JSON for
// programs or a table for people.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tau::host {

class BenchFigures {
 public:
  /// Takes {"bench": "mutex", "case": "free", "ns": 9.2, ...}; "case" may be missing, all else are numbers.
  /// The same bench and case again is another run of it. False if it is no such line.
  bool add(std::string_view line);

  bool empty() const { return rows_.empty(); }

  /// A line for each bench and case, in the order they came. Of several runs the median stands for a number,
  /// with NAME_min, NAME_max and "runs" beside it. A `scale` other than 1 is told.
  std::string json(double scale) const;
  std::string table(double scale) const;

 private:
  struct Row {
    std::string bench;
    std::string variant;  // "case"
    std::vector<std::pair<std::string, std::vector<double>>> values;
  };

  Row& row(const std::string& bench, const std::string& variant);

  std::vector<Row> rows_;
};

}  // namespace tau::host
