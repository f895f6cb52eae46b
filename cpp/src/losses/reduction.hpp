/// The `reduction` argument that every loss takes.
#pragma once

#include <algorithm>
#include <limits>

#include "nncore/registry.hpp"

namespace nncore {

inline bool takes_mean(const Args& args) { return args.get<std::string>("reduction") == "mean"; }

/// The mean over no sample at all: NaN, with a gradient (of n elements) of 0.
template <class T>
double mean_of_none(int64_t n, T* dz) {
  if (dz != nullptr) std::fill_n(dz, n, T(0));
  return std::numeric_limits<double>::quiet_NaN();
}

inline Registration& add_reduction(Registration& loss) {
  return loss.field("reduction", "mean", rule::one_of({"mean", "sum"}), "over the batch");
}

}  // namespace nncore
