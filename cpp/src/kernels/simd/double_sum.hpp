/// Sums of registers of T, held in double.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// As many consecutive numbers as a register holds doubles.
template <class T>
NNCORE_INLINE Vec<double> load_double(const T* p) { return {Ops<T>::load_widened(p)}; }

/// Every lane has a sum of its own; total() folds them in a fixed tree.
template <class T>
class DoubleSum {
 public:
  NNCORE_INLINE void add(Vec<T> x) {
    if constexpr (parts == 1) {
      sum_[0] = sum_[0] + x;
    } else {
      sum_[0] = sum_[0] + Vec<double>{Ops<T>::template widen<0>(x.v)};
      sum_[1] = sum_[1] + Vec<double>{Ops<T>::template widen<1>(x.v)};
    }
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
