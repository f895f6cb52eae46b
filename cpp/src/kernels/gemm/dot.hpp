/// y = x W^T as dot products of rows of x and rows of W, the lanes along K: for W in its natural order (C, K), or in
/// wide panels of K. (gemm.hpp packs W^T in panels of C; there the lanes run along the outputs.)
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct DotGemmKernels {
  /// y[m, c] = bias[c] + sum_k x[m, k] w[c, k] with w (C, K) in panels of `panel` columns k, laid out as in gemm.hpp
  /// but of W instead of W^T; panel = K: W as it is. The lanes of a register run along k and are then added up in a
  /// fixed tree, which K alone decides. bias may be null.
  void (*forward)(int64_t M, int64_t C, int64_t K, int64_t panel, const T* x, int64_t ldx, const T* w, const T* bias,
                  T* y, int64_t ldy);
};

}  // namespace nncore
