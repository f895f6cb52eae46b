/// Sums in double, the test for finite numbers, and small maps of ranges.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct ReduceKernels {
  double (*sum_squares)(int64_t n, const T* x);   ///< in double
  double (*sum_absolute)(int64_t n, const T* x);  ///< in double
  bool (*all_finite)(int64_t n, const T* x);
  void (*add)(int64_t n, const T* x, T* y);  ///< y += x
  /// g += l2 * w + l1 * sign(w), the gradient of l2/2 |w|^2 + l1 |w|_1.
  void (*add_penalty)(int64_t n, T l2, T l1, const T* w, T* g);
  /// y[j] = (x[j] - mean[j * step]) * inverse_std[j * step]; step 0 (one number for all) or 1. From bytes and numbers.
  void (*normalize_u8)(int64_t n, const uint8_t* x, const T* mean, const T* inverse_std, int64_t step, T* y);
  void (*normalize)(int64_t n, const T* x, const T* mean, const T* inverse_std, int64_t step, T* y);
};

}  // namespace nncore
