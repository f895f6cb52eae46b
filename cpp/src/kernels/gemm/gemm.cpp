/// Products with packed weights: y = x W^T + bias, dw^T = x^T dy, dx = dy W, partial products and column sums.
#include "kernels/gemm/gemm.hpp"

#include "kernels/gemm/column_sums.hpp"
#include "kernels/gemm/forward.hpp"
#include "kernels/gemm/input_gradient.hpp"
#include "kernels/gemm/microkernel.hpp"
#include "kernels/gemm/weight_gradient.hpp"
#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

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
