/// Convolutions as products: im2col panels for the kernels of gemm.hpp; and direct convolutions where the weights have
/// too few rows for a product to repay the copies.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// Neighbours in memory: `length` elements from element `from` on.
struct Run {
  int64_t from, length;
};

template <class T>
struct Im2colKernels {
  /// One im2col panel: out[l, .] = the runs of x + offset[l], one after the other, l < L, `width` elements in all.
  /// Reads and writes up to lanes - 1 elements beyond the last run.
  void (*pack_panel)(int64_t L, int64_t width, const int64_t* offset, int64_t runs, const Run* run, const T* x, T* out);
  /// y[i] = start + sum_l w[l] x[offset[l] + i], i < n, in ascending order: a convolution of one row of weights.
  void (*correlate)(int64_t n, int64_t L, T start, const T* w, const int64_t* offset, const T* x, T* y);
};

}  // namespace nncore
