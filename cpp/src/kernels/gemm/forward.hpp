/// y = x W^T + bias, a panel of columns at a time: the micro-kernel with x read by rows.
#pragma once

#include "kernels/gemm/narrow.hpp"
#include "kernels/gemm/microkernel.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

template <class T>
void forward(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* b, const T* bias, T* y,
             int64_t ldy) {
  // rows a multiple of 4 KiB apart share one set of the first cache, which has 8 lines or more
  const bool one_set = ldx * static_cast<int64_t>(sizeof(T)) % 4096 == 0;
  if (!one_set && narrow_forward(M, width, K, x, ldx, b, bias, y, ldy)) return;
  product<RowsOfA, T>(M, one_set && kTileRows > 8 ? 8 : kTileRows, ldx, {K, 0, width, x, ldx, b, width, bias, y, ldy});
}

}  // namespace
}  // namespace gemm
}  // namespace nncore::NNCORE_ISA
