#include "cli/bench_figures.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tau::host {
namespace {

using Json = nlohmann::ordered_json;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}
double least(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }
double greatest(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

double rounded(double value) { return std::round(value * 100) / 100; }

std::string in_columns(const std::string& bench, const std::string& unit, const std::string& numbers) {
  char line[160];
  std::snprintf(line, sizeof line, "%-38s %-14s%s\n", bench.c_str(), unit.c_str(), numbers.c_str());
  return line;
}

std::string number(double value) {
  char text[48];
  std::snprintf(text, sizeof text, "%13.2f", value);
  return text;
}

}  // namespace

BenchFigures::Row& BenchFigures::row(const std::string& bench, const std::string& variant) {
  for (Row& row : rows_) {
    if (row.bench == bench && row.variant == variant) return row;
  }
  return rows_.emplace_back(Row{bench, variant, {}});
}

bool BenchFigures::add(std::string_view line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("bench") || !json["bench"].is_string()) return false;
  const auto variant = json.find("case");
  if (variant != json.end() && !variant->is_string()) return false;
  std::vector<std::pair<std::string, double>> found;
  for (const auto& [key, value] : json.items()) {
    if (key == "bench" || key == "case") continue;
    if (!value.is_number()) return false;
    found.emplace_back(key, value.get<double>());
  }
  Row& row = this->row(json["bench"].get<std::string>(),
                       variant == json.end() ? std::string() : variant->get<std::string>());
  for (const auto& [unit, value] : found) {
    auto column = std::find_if(row.values.begin(), row.values.end(), [&](const auto& one) { return one.first == unit; });
    if (column == row.values.end()) column = row.values.insert(column, {unit, {}});
    column->second.push_back(value);
  }
  return true;
}

std::string BenchFigures::json(double scale) const {
  std::string text;
  for (const Row& row : rows_) {
    Json json{{"bench", row.bench}};
    if (!row.variant.empty()) json["case"] = row.variant;
    std::size_t runs = 1;
    for (const auto& [unit, values] : row.values) {
      json[unit] = rounded(median(values));
      runs = std::max(runs, values.size());
      if (values.size() == 1) continue;
      json[unit + "_min"] = rounded(least(values));
      json[unit + "_max"] = rounded(greatest(values));
    }
    if (runs > 1) json["runs"] = runs;
    if (scale != 1) json["scale"] = scale;
    text += json.dump() + "\n";
  }
  return text;
}

std::string BenchFigures::table(double scale) const {
  std::string text;
  if (scale != 1) {
    char line[120];
    std::snprintf(line, sizeof line, "Scaled: %g of the work was done; the figures are good for trying out only.\n\n", scale);
    text += line;
  }
  const bool repeated = std::any_of(rows_.begin(), rows_.end(), [](const Row& row) {
    return !row.values.empty() && row.values.front().second.size() > 1;
  });
  text += in_columns("bench", "unit", repeated ? "       median        least     greatest" : "             ");
  for (const Row& row : rows_) {
    std::string name = row.bench + (row.variant.empty() ? "" : " (" + row.variant + ")");
    for (const auto& [unit, values] : row.values) {
      std::string numbers = number(median(values));
      if (values.size() > 1) numbers += number(least(values)) + number(greatest(values));
      text += in_columns(name, unit, numbers);
      name.clear();
    }
  }
  return text;
}

}  // namespace tau::host
