/// The names of metrics and of the columns of an epoch's record, and which way each is better, for C++ and Python alike.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nncore/error.hpp"

namespace nncore {

struct MetricName {
  std::string_view name;
  bool larger_is_better;
  bool measured;  ///< Is it one that a fit measures when it is asked for by this name?
};
inline constexpr MetricName kMetricNames[] = {
    {"accuracy", true, true}, {"balanced_accuracy", true, true}, {"f1", true, true},   {"precision", true, true},
    {"recall", true, true},   {"auc", true, true},               {"log_loss", false, true}, {"top5", true, true},
    {"mse", false, true},     {"mae", false, true},              {"r2", true, true},   {"loss", false, false},
    {"perplexity", false, false}};

/// Columns of an epoch's record that measure nothing; all others are "loss" and metrics, with "val_" or "test_" before
/// them where they are of other data.
inline constexpr std::string_view kFactNames[] = {"epoch", "lr", "seconds"};

/// A column without the prefix of its data: "loss" of "val_loss".
inline std::string_view quantity(std::string_view column) {
  for (const std::string_view prefix : {"val_", "test_"}) {
    if (column.starts_with(prefix)) column.remove_prefix(prefix.size());
  }
  return column;
}

/// Is a larger value of this column better, as of "val_accuracy", or a smaller one, as of "loss" and of all names that
/// end in "_loss"? Nothing: the name does not tell.
inline std::optional<bool> larger_is_better(std::string_view column) {
  const std::string_view name = quantity(column);
  const auto* known = std::find_if(std::begin(kMetricNames), std::end(kMetricNames),
                                   [&](const MetricName& metric) { return metric.name == name; });
  if (known != std::end(kMetricNames)) return known->larger_is_better;
  return name.ends_with("_loss") ? std::optional(false) : std::nullopt;
}

/// How many letters have to be changed, added or left out to make one word of the other.
inline std::size_t letters_apart(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({changed, corner + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// The known name that this column was probably meant to have, "val_loss" for "val_los"; "" if none is near.
inline std::string meant(std::string_view column) {
  std::string nearest;
  std::size_t least = column.size() > 64 ? 0 : 5;
  for (const std::string_view prefix : {"val_", "test_", ""}) {
    for (const MetricName& metric : kMetricNames) {
      const std::string known = std::string(prefix) + std::string(metric.name);
      const std::size_t apart = letters_apart(column.substr(0, 64), known);
      if (apart < least && apart <= metric.name.size() / 4) nearest = known, least = apart;
    }
  }
  return nearest;
}

/// The same with the user's mode, "min", "max" or "auto". ConfigError for "auto" where the name does not tell.
inline bool larger_is_better(const std::string& where, const std::string& column, const std::string& mode) {
  if (mode != "auto") return mode == "max";
  if (const auto larger = larger_is_better(column)) return *larger;
  const std::string known = meant(column);
  const std::string question = known.empty() ? "" : "did you mean " + known + "? else ";
  throw ConfigError(expected(where, "mode", "'min' or 'max', for the name '" + column + "' does not tell which is better",
                             "'auto'", question + "mode=\"max\" if larger is better"));
}

}  // namespace nncore
