/// Sums of registers of T, held in double.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// As many consecutive numbers as a register holds doubles.
NNCORE_INLINE Vec<double> load_double(const double* p) { return Vec<double>::load(p); }
NNCORE_INLINE Vec<double> load_double(const float* p) {
#if NNCORE_AVX512
  return {_mm512_cvtps_pd(_mm256_loadu_ps(p))};
#elif NNCORE_AVX2
  return {_mm256_cvtps_pd(_mm_loadu_ps(p))};
#else
  Vec<double> r = Vec<double>::zero();
  for (int i = 0; i < Vec<double>::lanes; ++i) r.v[i] = p[i];
  return r;
#endif
}

#if NNCORE_AVX512
NNCORE_INLINE Vec<double> low_half(Vec<float> x) { return {_mm512_cvtps_pd(_mm512_castps512_ps256(x.v))}; }
NNCORE_INLINE Vec<double> high_half(Vec<float> x) { return {_mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1))}; }
#elif NNCORE_AVX2
NNCORE_INLINE Vec<double> low_half(Vec<float> x) { return {_mm256_cvtps_pd(_mm256_castps256_ps128(x.v))}; }
NNCORE_INLINE Vec<double> high_half(Vec<float> x) { return {_mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1))}; }
#endif

/// Every lane has a sum of its own; total() folds them in a fixed tree.
template <class T>
class DoubleSum {
 public:
  NNCORE_INLINE void add(Vec<T> x) {
#if NNCORE_AVX512 || NNCORE_AVX2
    if constexpr (parts == 1) sum_[0] = sum_[0] + x;
    else sum_[0] = sum_[0] + low_half(x), sum_[1] = sum_[1] + high_half(x);
#else
    T lanes[Vec<T>::lanes];
    x.store(lanes);
    for (int part = 0; part < parts; ++part) sum_[part] = sum_[part] + load_double(lanes + part * Vec<double>::lanes);
#endif
  }
  NNCORE_INLINE double total() const {
    if constexpr (parts == 1) return sum(sum_[0]);
    else return sum(sum_[0] + sum_[1]);
  }

 private:
  static constexpr int parts = Vec<T>::lanes / Vec<double>::lanes;
  Vec<double> sum_[parts] = {};
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
