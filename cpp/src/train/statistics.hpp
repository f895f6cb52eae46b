/// The numbers that describe a tensor.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/reduce/statistics.hpp"
#include "nncore/monitor.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// Slices of a tensor, cut by its size alone: as many as several threads can use, none too small.
struct Slices {
  static constexpr int64_t kMaxCount = 16, kMinLength = 4096;
  explicit Slices(int64_t size)
      : n(size), length(std::max(kMinLength, (n + kMaxCount - 1) / kMaxCount)), count((n + length - 1) / length) {}
  template <class F>
  void each(F f) const {
    parallel_for(count, 4.0 * static_cast<double>(n),
                 [&](int64_t i) { f(i, i * length, std::min(length, n - i * length)); });
  }
  int64_t n, length, count;
};

/// Fills all but `dead` and `update_ratio`; counts (bins of them, unless bins is 0) become the histogram.
template <class T>
Statistics describe_elements(int64_t n, const T* x, Bounds bounds, int64_t bins, int64_t* counts) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Slices slices(n);
  std::array<RangeSummary, Slices::kMaxCount> part;
  slices.each([&](int64_t i, int64_t at, int64_t length) {
    part[static_cast<std::size_t>(i)] = kernels<T>().statistics.summarize(length, x + at, bounds.low, bounds.high);
  });
  RangeSummary all = slices.count > 0 ? part[0] : RangeSummary{};
  for (std::size_t i = 1; i < static_cast<std::size_t>(slices.count); ++i) {
    all = {std::min(all.min, part[i].min),       std::max(all.max, part[i].max),
           all.sum + part[i].sum,                all.zeros + part[i].zeros,
           all.nonfinite + part[i].nonfinite,    all.outside + part[i].outside};
  }
  const double size = static_cast<double>(n), finite = size - all.nonfinite;
  if (finite == 0) return {nan, nan, nan, nan, nan, all.zeros / size, all.nonfinite / size, nan, nan, nan};
  const double mean = all.sum / finite;
  // A constant has its one bin in the middle of an interval of length 1.
  const double low = all.max > all.min ? all.min : all.min - 0.5;
  const double factor = static_cast<double>(bins) / (all.max > all.min ? all.max - all.min : 1.0);
  std::array<double, Slices::kMaxCount> squares;
  const int64_t table = bins + 1, tables = bins > 0 ? slices.count * kCountTables : 0;
  std::vector<int64_t> bin(static_cast<std::size_t>(tables * table));
  slices.each([&](int64_t i, int64_t at, int64_t length) {
    squares[static_cast<std::size_t>(i)] = kernels<T>().statistics.sum_squared_distances(length, x + at, mean);
    if (bins > 0)
      kernels<T>().statistics.histogram(length, x + at, low, factor, bins, bin.data() + i * kCountTables * table);
  });
  double around = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(slices.count); ++i) around += squares[i];
  for (int64_t i = 0; i < tables; ++i) {
    for (int64_t b = 0; b < bins; ++b) counts[b] += bin[static_cast<std::size_t>(i * table + b)];
  }
  const bool ends = std::isfinite(bounds.low);
  return {all.min,          all.max,
          mean,             std::sqrt(around / finite),
          std::sqrt(around + finite * mean * mean),
          all.zeros / size, all.nonfinite / size,
          nan,              ends ? all.outside / size : nan,
          nan};
}

/// Share of units (of images: of channels) that are 0 for every one of N samples.
template <class T>
double dead_share(View<const T> y) {
  const Shape unit = y.shape.sample();
  const int64_t N = y.batch(), C = unit.rank() > 0 ? unit[0] : 1, L = unit.size() / std::max<int64_t>(C, 1);
  int64_t dead = 0;
  for (int64_t c = 0; c < C; ++c) {
    bool lives = false;
    for (int64_t n = 0; n < N && !lives; ++n) {
      const T* at = y.data + (n * C + c) * L;
      lives = std::any_of(at, at + L, [](T v) { return v != T(0); });
    }
    dead += lives ? 0 : 1;
  }
  return static_cast<double>(dead) / static_cast<double>(std::max<int64_t>(C, 1));
}

}  // namespace nncore
