/// Products with packed weights: y = x W^T + bias, dw = x^T dy, dx = dy W, partial products and column sums.
#include "kernels/gemm/gemm.hpp"

#include "kernels/gemm/column_sums.hpp"
#include "kernels/gemm/forward.hpp"
#include "kernels/gemm/input_gradient.hpp"
#include "kernels/gemm/tiles.hpp"
#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

/// Up to this many columns, most lanes of a register of columns would be idle.
template <class T>
constexpr int64_t kNarrow = Vec<T>::lanes / 4 > 1 ? Vec<T>::lanes / 4 : 1;

/// The weight gradient of a few columns with the lanes along k, where they are all used: dw^T = dy^T x, a block of
/// columns at a time, then turned round. The sums are the same, term by term.
template <class T>
void narrow_weight_gradient(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy,
                            T* dw) {
  constexpr int64_t block = 2 * Vec<T>::lanes;
  alignas(kVectorBytes) T turned[kNarrow<T> * block];
  for (int64_t k0 = 0; k0 < K; k0 += block, dw += block * width) {
    const int64_t columns = K - k0 < block ? K - k0 : block;
    product<ColumnsOfA, T>(width, kTileRows, 1, {M, 0, columns, dy, lddy, x + k0, ldx, nullptr, turned, columns});
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t j = 0; j < width; ++j) dw[k * width + j] = turned[j * columns + k];
  }
}

template <class T>
void weight_gradient(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy, T* dw) {
  if (width <= kNarrow<T> && M > 2 && K >= 4 * width) narrow_weight_gradient(M, width, K, x, ldx, dy, lddy, dw);
  else product<ColumnsOfA, T>(K, kTileRows, 1, {M, 0, width, x, ldx, dy, lddy, nullptr, dw, width});
}

template <class T>
void partial_product(bool transposed, int64_t R, int64_t L, int64_t width, const T* a, int64_t lda, const T* b,
                     int64_t ldb, bool add, T* c, int64_t ldc) {
  constexpr int64_t panel = 2 * Vec<T>::lanes;
  for (int64_t j = 0; j < width; j += panel) {
    const int64_t some = width - j < panel ? width - j : panel;
    const Problem<T> p = {L, 0, some, a, lda, b + j, ldb, nullptr, c + j, ldc, add};
    if (transposed) product<ColumnsOfA, T>(R, kTileRows, 1, p);
    else product<RowsOfA, T>(R, kTileRows, lda, p);
  }
}

template <class T>
constexpr GemmKernels<T> table() {
  return {
      .forward = forward<T>,
      .weight_gradient = weight_gradient<T>,
      .input_gradient = input_gradient<T>,
      .partial_product = partial_product<T>,
      .column_sums = column_sums<T>,
  };
}

}  // namespace
}  // namespace gemm

constinit const GemmKernels<float> kGemmF32 = gemm::table<float>();
constinit const GemmKernels<double> kGemmF64 = gemm::table<double>();

}  // namespace nncore::NNCORE_ISA
