/// Sums in double, the test for finite numbers, and small helpers on ranges.
#include "kernels/groups.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/simd/double_sum.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace reduce {
namespace {

struct Square {
  NNCORE_INLINE static Vec<double> add(Vec<double> x, Vec<double> sum) { return fma(x, x, sum); }
};

struct Absolute {
  NNCORE_INLINE static Vec<double> add(Vec<double> x, Vec<double> sum) { return sum + abs(x); }
};

/// Four running sums hide the latency of the addition; what is left over is padded with zeros, which add nothing.
template <class Term, class T>
double sum_terms(int64_t n, const T* x) {
  constexpr int L = Vec<double>::lanes, chains = 4, block = chains * L;
  Vec<double> total[chains] = {};
  int64_t i = 0;
  for (; i + block <= n; i += block)
    for (int c = 0; c < chains; ++c) total[c] = Term::add(load_double(x + i + c * L), total[c]);
  T rest[block] = {};
  for (int64_t k = 0; k < n - i; ++k) rest[k] = x[i + k];
  for (int c = 0; c < chains; ++c) total[c] = Term::add(load_double(rest + c * L), total[c]);
  return sum((total[0] + total[1]) + (total[2] + total[3]));
}

/// 0 x is 0 for every finite x and NaN for the others, and a NaN stays in a sum.
template <class T>
bool all_finite(int64_t n, const T* x) {
  constexpr int L = Vec<T>::lanes, chains = 4, block = chains * L;
  Vec<T> trace[chains] = {};
  int64_t i = 0;
  for (; i + block <= n; i += block)
    for (int c = 0; c < chains; ++c) trace[c] = fma(Vec<T>::load(x + i + c * L), Vec<T>::zero(), trace[c]);
  each_register<T>(n - i, [&](int64_t k, auto lanes) {
    trace[0] = fma(load(x + i + k, lanes), Vec<T>::zero(), trace[0]);
  });
  return all((trace[0] + trace[1]) + (trace[2] + trace[3]) == Vec<T>::zero());
}

template <class T>
void add(int64_t n, const T* x, T* y) {
  each_register<T>(n, [=](int64_t i, auto lanes) { store(y + i, lanes, load(y + i, lanes) + load(x + i, lanes)); });
}

template <class T>
void add_penalty(int64_t n, T l2, T l1, const T* w, T* g) {
  const Vec<T> zero = Vec<T>::zero(), pull = Vec<T>::broadcast(l2), push = Vec<T>::broadcast(l1);
  each_register<T>(n, [=](int64_t i, auto lanes) {
    const Vec<T> weight = load(w + i, lanes), sign = select(weight == zero, zero, copysign(push, weight));
    store(g + i, lanes, fma(pull, weight, load(g + i, lanes)) + sign);
  });
}

/// Bytes as numbers, by whole registers and the rest.
template <class T>
NNCORE_INLINE Vec<T> load_number(const uint8_t* p, int64_t, Whole) { return Vec<T>::load(p); }
template <class T>
NNCORE_INLINE Vec<T> load_number(const uint8_t* p, int64_t n, FirstLanes<T>) { return Vec<T>::load(p, n); }
template <class T, class Lanes>
NNCORE_INLINE Vec<T> load_number(const T* p, int64_t, Lanes lanes) { return load(p, lanes); }

template <class T, class In>
void normalize(int64_t n, const In* x, const T* mean, const T* inverse_std, int64_t step, T* y) {
  if (step == 0) {
    const Vec<T> center = Vec<T>::broadcast(mean), factor = Vec<T>::broadcast(inverse_std);
    each_register<T>(n, [=](int64_t i, auto lanes) {
      store(y + i, lanes, (load_number<T>(x + i, n - i, lanes) - center) * factor);
    });
  } else {
    each_register<T>(n, [=](int64_t i, auto lanes) {
      const Vec<T> centered = load_number<T>(x + i, n - i, lanes) - load(mean + i, lanes);
      store(y + i, lanes, centered * load(inverse_std + i, lanes));
    });
  }
}


template <class T>
constexpr ReduceKernels<T> table() {
  return {
      .sum_squares = sum_terms<Square, T>,
      .sum_absolute = sum_terms<Absolute, T>,
      .all_finite = all_finite<T>,
      .add = add<T>,
      .add_penalty = add_penalty<T>,
      .normalize_u8 = normalize<T, uint8_t>,
      .normalize = normalize<T, T>,
  };
}

}  // namespace
}  // namespace reduce

constinit const ReduceKernels<float> kReduceF32 = reduce::table<float>();
constinit const ReduceKernels<double> kReduceF64 = reduce::table<double>();

}  // namespace nncore::NNCORE_ISA
