/// The names of metrics and of the columns of an epoch's record, for C++ and Python alike.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace nncore {

struct MetricName {
  std::string_view name;
  bool larger_is_better;
};
inline constexpr MetricName kMetricNames[] = {
    {"accuracy", true}, {"top5", true}, {"mse", false}, {"mae", false}, {"r2", true}};

/// Columns of an epoch's record that measure nothing; all others are "loss" and metrics, with "val_" or "test_" before
/// them where they are of other data.
inline constexpr std::string_view kFactNames[] = {"epoch", "lr", "seconds"};

/// Is a larger value of this column better, as of "val_accuracy", or a smaller one, as of "loss"?
inline bool larger_is_better(std::string_view column) {
  return std::any_of(std::begin(kMetricNames), std::end(kMetricNames), [&](const MetricName& metric) {
    return metric.larger_is_better && column.ends_with(metric.name);
  });
}

}  // namespace nncore
