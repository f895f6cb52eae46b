/// Products of a dense layer with packed weights: y = x W^T + bias and its two gradients.
///
/// W^T of shape (K, N) is packed as panels of `panel` columns: panel p holds columns [p*panel, min(N, (p+1)*panel))
/// and starts at element p*panel*K; inside it the K rows follow one another without padding, so a panel of
/// `width` columns has `width` elements a row, and all panels together have K*N elements: a permutation of W.
/// The order of every sum follows from N and K alone (ascending; column_sums: by rows modulo 2 or 4, then these sums;
/// input_gradient of wide layers: by lanes, then across lanes in a fixed tree), so a row or column of the result does
/// not depend on how the others are cut into calls.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct GemmKernels {
  /// y[m, j] = bias[j] + sum_k x[m, k] b[k, j] for one panel: m < M, j < width <= panel. bias may be null (zeros).
  void (*forward)(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* b, const T* bias, T* y,
                  int64_t ldy);
  /// dw[k, j] = sum_m x[m, k] dy[m, j] for one panel, k < K, j < width: dw is contiguous (K, width), assigned.
  void (*weight_gradient)(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy,
                          T* dw);
  /// dx[m, k] = sum_j dy[m, j] b[k, j] over all N columns of all panels, for m < M and k0 <= k < k1 out of K rows.
  /// dx points at column 0 of row 0; only columns k0..k1-1 are written.
  void (*input_gradient)(int64_t M, int64_t N, int64_t K, int64_t k0, int64_t k1, const T* dy, int64_t lddy,
                         const T* b, T* dx, int64_t lddx);
  /// A chunk of L terms of an unpacked product: c[r, j] = start + sum_l a[r, l] b[l, j], r < R, j < width, in ascending
  /// order of l; start = c[r, j] if `add`, else 0. a is (R, L), or (L, R) if `transposed`. The dense counterpart of
  /// SparseKernels::spmm.
  void (*partial_product)(bool transposed, int64_t R, int64_t L, int64_t width, const T* a, int64_t lda, const T* b,
                          int64_t ldb, bool add, T* c, int64_t ldc);
  /// out[j] = sum_m x[m, j], j < N: the bias gradient.
  void (*column_sums)(int64_t M, int64_t N, const T* x, int64_t ldx, T* out);
};

}  // namespace nncore
