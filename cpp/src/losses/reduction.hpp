/// The `reduction` argument that every loss takes, and sums over samples with weights.
#pragma once

#include <algorithm>
#include <limits>

#include "nncore/loss.hpp"
#include "nncore/registry.hpp"

namespace nncore {

inline bool takes_mean(const Args& args) { return args.get<std::string>("reduction") == "mean"; }

/// The mean over no sample at all: NaN, with a gradient (of n elements) of 0.
template <class T>
double mean_of_none(int64_t n, T* dz) {
  if (dz != nullptr) std::fill_n(dz, n, T(0));
  return std::numeric_limits<double>::quiet_NaN();
}

/// Σ s l / Σ s over samples, l the mean over a sample's elements; or, without `mean`, Σ s l with the sum over them.
/// `f(first, last, factor)` returns the sum over a range of the elements of z and writes factor times its derivative to
/// dz unless that is null; without weights the range is all of z. Samples of weight 0 are not looked at.
template <class T, class F>
double weighted(const Target<T>& y, const Shape& z, bool mean, T* dz, F f) {
  const int64_t N = z[0], D = z.row_size();
  const double total = y.total_weight() * static_cast<double>(D);
  if (mean && total == 0) return mean_of_none(N * D, dz);
  const double scale = mean ? 1.0 / total : 1.0;
  if (y.weights == nullptr) return f(int64_t{0}, N * D, scale) * scale;
  double sum = 0;
  for (int64_t n = 0; n < N; ++n) {
    const double s = y.weights[n];
    if (s > 0) {
      sum += s * f(n * D, (n + 1) * D, s * scale);
    } else if (dz != nullptr) {
      std::fill_n(dz + n * D, D, T(0));
    }
  }
  return sum * scale;
}

inline Registration& add_reduction(Registration& loss) {
  return loss.field("reduction", "mean", rule::one_of({"mean", "sum"}), "over the batch");
}

}  // namespace nncore
