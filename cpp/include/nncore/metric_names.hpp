#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace nncore {

/// The metrics of which more is better; Python reads the list.
inline constexpr std::array<std::string_view, 3> kGrowingMetrics = {"accuracy", "top5", "r2"};

/// Is more of it better, as of an accuracy, "val_accuracy" too, or less, as of a loss?
inline bool larger_is_better(std::string_view column) {
  return std::any_of(kGrowingMetrics.begin(), kGrowingMetrics.end(),
                     [=](std::string_view metric) { return column.ends_with(metric); });
}

}  // namespace nncore
