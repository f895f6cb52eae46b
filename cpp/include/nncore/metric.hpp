/// Metric: a number beside the loss that says how good outputs are, measured in inference.
#pragma once

#include <functional>
#include <string>

#include "nncore/loss.hpp"
#include "nncore/reading.hpp"

namespace nncore {

template <class T>
struct Metric {
  std::string name;
  /// Throws ConfigError when targets and outputs do not suit it.
  std::function<void(const Interpretation&, const Shape& z, const Target<T>&)> check;
  std::function<double(const Interpretation&, View<const T> z, const Target<T>&)> value;
};

/// What metrics of classes ask of targets, for errors.
inline constexpr const char* kClassTargets =
    "targets that are classes: labels, one-hot rows, or 0 and 1 for each output";

/// One of kMetricNames that is measured, but for the accuracy.
template <class T>
Metric<T> metric(const std::string& name);

}  // namespace nncore
