/// Statistics of a range in two passes: the squared distances need the mean, the histogram the minimum and maximum.
/// Numbers that are not finite are counted and otherwise left out.
#include "kernels/groups.hpp"
#include "kernels/reduce/statistics.hpp"
#include "kernels/simd/double_sum.hpp"

namespace nncore::NNCORE_ISA {
namespace statistics {
namespace {

using Double = Vec<double>;
constexpr int L = Double::lanes;

NNCORE_INLINE Mask<double> finite(Double x) { return x - x == Double::zero(); }

/// Running numbers of L lanes at a time.
struct Lanes {
  Double least = Double::broadcast(__builtin_inf()), most = Double::broadcast(-__builtin_inf());
  Double sum = Double::zero(), zeros = Double::zero(), broken = Double::zero(), outside = Double::zero();

  NNCORE_INLINE void add(Double x, Mask<double> counted, Double low, Double high) {
    const Double one = Double::broadcast(1.0), none = Double::zero();
    const Mask<double> whole = finite(x) & counted;
    least = select(whole & (x < least), x, least);
    most = select(whole & (x > most), x, most);
    sum = sum + select(whole, x, none);
    zeros = zeros + select(counted & (x == none), one, none);
    broken = broken + select(counted & ~finite(x), one, none);
    outside = outside + select(counted & ((x < low) | (x > high)), one, none);
  }
};

/// f(x, counted) for L numbers at a time; what is not counted is zero.
template <class T, class F>
NNCORE_INLINE void each(int64_t n, const T* x, F f) {
  const Mask<double> all = Double::zero() == Double::zero();
  int64_t i = 0;
  for (; i + L <= n; i += L) f(load_double(x + i), all);
  if (i == n) return;
  T rest[L] = {};
  for (int64_t k = 0; k < n - i; ++k) rest[k] = x[i + k];
  f(load_double(rest), FirstLanes<double>(n - i).mask());
}

template <class T>
RangeSummary summarize(int64_t n, const T* x, double low, double high) {
  const Double below = Double::broadcast(low), above = Double::broadcast(high);
  Lanes lanes;
  each(n, x, [&](Double v, Mask<double> counted) __attribute__((always_inline)) {
    lanes.add(v, counted, below, above);
  });
  RangeSummary e{__builtin_inf(),  -__builtin_inf(),  sum(lanes.sum),
                 sum(lanes.zeros), sum(lanes.broken), sum(lanes.outside)};
  double least[L], most[L];
  lanes.least.store(least), lanes.most.store(most);
  for (int l = 0; l < L; ++l) {
    e.min = least[l] < e.min ? least[l] : e.min;
    e.max = most[l] > e.max ? most[l] : e.max;
  }
  return e;
}

template <class T>
double sum_squared_distances(int64_t n, const T* x, double center) {
  const Double mean = Double::broadcast(center);
  Double total = Double::zero();
  each(n, x, [&](Double v, Mask<double> counted) __attribute__((always_inline)) {
    const Double distance = select(counted & finite(v), v - mean, Double::zero());
    total = fma(distance, distance, total);
  });
  return sum(total);
}

template <class T>
void histogram(int64_t n, const T* x, double low, double factor, int64_t bins, int64_t* counts) {
  const Double from = Double::broadcast(low), by = Double::broadcast(factor);
  const Double last = Double::broadcast(static_cast<double>(bins - 1));
  const Double none = Double::broadcast(static_cast<double>(bins));
  each(n, x, [&](Double v, Mask<double> counted) __attribute__((always_inline)) {
    const Double bin = (v - from) * by;
    double index[L];
    select(counted & finite(v), select(bin < last, bin, last), none).store(index);  // not finite: the unused bin
    for (int l = 0; l < L; ++l) ++counts[l % kCountTables * (bins + 1) + static_cast<int64_t>(index[l])];
  });
}


template <class T>
constexpr StatisticsKernels<T> table() {
  return {
      .summarize = summarize<T>,
      .sum_squared_distances = sum_squared_distances<T>,
      .histogram = histogram<T>,
  };
}

}  // namespace
}  // namespace statistics

constinit const StatisticsKernels<float> kStatisticsF32 = statistics::table<float>();
constinit const StatisticsKernels<double> kStatisticsF64 = statistics::table<double>();

}  // namespace nncore::NNCORE_ISA
