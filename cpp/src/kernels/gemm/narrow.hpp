/// y = x W^T + bias with so few columns that lanes along them would be idle. Every sum has the terms and the order of
/// microkernel.hpp's, so the choice between the two does not change a bit.
#pragma once

#include "kernels/simd/shuffle.hpp"
#include "kernels/simd/transpose.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

/// Up to this many columns the lanes run along the rows; transposing x costs one FMA for each of its columns.
template <class T>
constexpr int64_t kFewOutputs = Vec<T>::lanes / 2 < 4 ? Vec<T>::lanes / 2 : 4;

/// `lanes` rows of y with `width` columns, the lanes along the rows. The sums are the tile's, term by term.
template <class T, int width>
NNCORE_INLINE void few_outputs_block(int64_t K, const T* x, int64_t ldx, const T* b, const T* bias, T* y, int64_t ldy) {
  constexpr int lanes = Vec<T>::lanes, part = kPart<T>;
  Vec<T> sum[width];
#pragma GCC unroll 4
  for (int j = 0; j < width; ++j) sum[j] = bias ? Vec<T>::broadcast(bias + j) : Vec<T>::zero();
  int64_t k = 0;
  for (; k + part <= K; k += part) {
    Vec<T> column[part];
    transpose_part(x + k, ldx, column);
#pragma GCC unroll 4
    for (int i = 0; i < part; ++i, b += width)
#pragma GCC unroll 4
      for (int j = 0; j < width; ++j) sum[j] = fma(column[i], Vec<T>::broadcast(b + j), sum[j]);
  }
  if (k < K) {  // the last part starts early enough to be whole; its first columns are done
    Vec<T> column[part];
    transpose_part(x + K - part, ldx, column);
#pragma GCC unroll 4
    for (int i = 1; i < part; ++i) {
      if (i < part - (K - k)) continue;
#pragma GCC unroll 4
      for (int j = 0; j < width; ++j) sum[j] = fma(column[i], Vec<T>::broadcast(b + j), sum[j]);
      b += width;
    }
  }
  if (width == 1 && ldy == 1) return sum[0].store(y);
  if (width == 2 && ldy == 2) return transpose_pairs_back(lanes, sum, y);
  alignas(kVectorBytes) T transposed[width][lanes];
#pragma GCC unroll 4
  for (int j = 0; j < width; ++j) sum[j].store(transposed[j]);
  for (int64_t r = 0; r < lanes; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < width; ++j) y[r * ldy + j] = transposed[j][r];
}

/// M >= lanes rows, K >= one part. The last block starts early enough to be whole and computes some rows again.
template <class T, int width>
[[gnu::noinline]] void few_outputs(int64_t M, int64_t K, const T* x, int64_t ldx, const T* b, const T* bias, T* y,
                                   int64_t ldy) {
  constexpr int64_t lanes = Vec<T>::lanes;
  for (int64_t m = 0; m < M; m += lanes) {
    const int64_t row = m + lanes <= M ? m : M - lanes;
    few_outputs_block<T, width>(K, x + row * ldx, ldx, b, bias, y + row * ldy, ldy);
  }
}

/// Computes y and returns true, or returns false for a size that is left to the micro-kernel.
template <class T>
NNCORE_INLINE bool narrow_forward(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* b,
                                  const T* bias, T* y, int64_t ldy) {
  if (width < 1 || width > kFewOutputs<T> || M < Vec<T>::lanes || K < kPart<T>) return false;
  if (width == 1) few_outputs<T, 1>(M, K, x, ldx, b, bias, y, ldy);
  else if (width == 2) few_outputs<T, 2>(M, K, x, ldx, b, bias, y, ldy);
  else if (width == 3) few_outputs<T, 3>(M, K, x, ldx, b, bias, y, ldy);
  else few_outputs<T, 4>(M, K, x, ldx, b, bias, y, ldy);
  return true;
}

}  // namespace
}  // namespace gemm
}  // namespace nncore::NNCORE_ISA
