/// Metric: a number beside the loss that says how good outputs are, measured in inference.
#pragma once

#include <functional>
#include <string>

#include "nncore/loss.hpp"

namespace nncore {

template <class T>
struct Metric {
  std::string name;
  /// Throws ConfigError when targets and outputs do not suit it.
  std::function<void(Link, const Shape& z, const Target<T>&)> check;
  std::function<double(View<const T> z, const Target<T>&)> value;
};

/// "top5", "mse", "mae" or "r2".
template <class T>
Metric<T> metric(const std::string& name);

}  // namespace nncore
