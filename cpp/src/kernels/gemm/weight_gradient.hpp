/// dw^T = x^T dy, a panel of columns at a time: the micro-kernel with x read by columns.
#pragma once

#include "kernels/gemm/microkernel.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

/// Up to this many columns, most lanes of a register of columns would be idle.
template <class T>
constexpr int64_t kNarrow = Vec<T>::lanes / 4 > 1 ? Vec<T>::lanes / 4 : 1;

/// The weight gradient of a few columns with the lanes along k, where they are all used: dw^T = dy^T x, a block of
/// columns at a time, then transposed. The sums are the same, term by term.
template <class T>
void narrow_weight_gradient(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy,
                            T* dw) {
  constexpr int64_t block = 2 * Vec<T>::lanes;
  alignas(kVectorBytes) T transposed[kNarrow<T> * block];
  for (int64_t k0 = 0; k0 < K; k0 += block, dw += block * width) {
    const int64_t columns = K - k0 < block ? K - k0 : block;
    product<ColumnsOfA, T>(width, kTileRows, 1, {M, 0, columns, dy, lddy, x + k0, ldx, nullptr, transposed, columns});
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t j = 0; j < width; ++j) dw[k * width + j] = transposed[j * columns + k];
  }
}

template <class T>
void weight_gradient(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy, T* dw) {
  if (width <= kNarrow<T> && M > 2 && K >= 4 * width) narrow_weight_gradient(M, width, K, x, ldx, dy, lddy, dw);
  else product<ColumnsOfA, T>(K, kTileRows, 1, {M, 0, width, x, ldx, dy, lddy, nullptr, dw, width});
}

}  // namespace
}  // namespace gemm
}  // namespace nncore::NNCORE_ISA
