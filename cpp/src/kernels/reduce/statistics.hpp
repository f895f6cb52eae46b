/// Statistics of a range, for monitors: minimum, maximum, sums, counts, histograms.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// min, max and sum are over the finite numbers of a range, the counts over all.
struct RangeSummary {
  double min, max, sum;  ///< inf, -inf, 0 where none is finite
  double zeros, nonfinite, outside;  ///< how many
};

/// Tables a histogram is counted in: with one, increments of the same bin by neighbours would wait for each other.
inline constexpr int kCountTables = 4;

template <class T>
struct StatisticsKernels {
  RangeSummary (*summarize)(int64_t n, const T* x, double low, double high);  ///< outside: x < low or x > high
  double (*sum_squared_distances)(int64_t n, const T* x, double center);      ///< (x - center)^2 of the finite ones
  /// ++counts[min(floor((x - low) * factor), bins - 1)] in any of kCountTables tables of bins + 1; the last one of
  /// each is an unused bin for non-finite values.
  void (*histogram)(int64_t n, const T* x, double low, double factor, int64_t bins, int64_t* counts);
};

}  // namespace nncore
