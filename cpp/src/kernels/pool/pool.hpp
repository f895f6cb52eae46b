/// Pooling of plain images: one tap of a row of windows that are `stride` apart.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct PoolKernels {
  /// Where x[i * stride] > best[i] or is NaN: best[i] is it and at[i], unless at is null, is index + i * stride.
  void (*max)(int64_t n, int64_t stride, const T* x, int32_t index, T* best, int32_t* at);
  void (*add)(int64_t n, int64_t stride, const T* x, T* y);      ///< y[i] += x[i * stride]
  void (*scatter)(int64_t n, int64_t stride, const T* x, T* y);  ///< y[i * stride] += x[i]
};

}  // namespace nncore
