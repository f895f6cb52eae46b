/// Reorders between batch-major (N, F) and feature-major (F, ld) arrays, L x L blocks at a time.
#pragma once

#include "kernels/simd/transpose.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// With zeros up to the next multiple of L samples.
template <class T>
void to_feature_major(int64_t N, int64_t F, const T* x, int64_t ld, T* y) {
  constexpr int L = Vec<T>::lanes;
  for (int64_t n = 0; n < N; n += L) {
    const int64_t rows = N - n < L ? N - n : L;
    if (F == 2) {
      Vec<T> block[2];
      transpose_pairs(rows, x + 2 * n, block);
      block[0].store(y + n), block[1].store(y + ld + n);
      continue;
    }
    for (int64_t f = 0; f < F; f += L) {
      const FirstLanes<T> width(F - f < L ? F - f : L);
      Vec<T> tile[L];
#pragma GCC unroll 16
      for (int r = 0; r < L; ++r) tile[r] = r < rows ? Vec<T>::load(x + (n + r) * F + f, width) : Vec<T>::zero();
      transpose(tile);
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i)
        if (f + i < F) tile[i].store(y + (f + i) * ld + n);
    }
  }
}

template <class T>
void to_batch_major(int64_t N, int64_t F, const T* x, int64_t ld, T* y) {
  constexpr int L = Vec<T>::lanes;
  for (int64_t n = 0; n < N; n += L) {
    const int64_t rows = N - n < L ? N - n : L;
    if (F == 2) {
      const Vec<T> block[2] = {Vec<T>::load(x + n), Vec<T>::load(x + ld + n)};
      transpose_pairs_back(rows, block, y + 2 * n);
      continue;
    }
    for (int64_t f = 0; f < F; f += L) {
      const FirstLanes<T> width(F - f < L ? F - f : L);
      Vec<T> tile[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) tile[i] = f + i < F ? Vec<T>::load(x + (f + i) * ld + n) : Vec<T>::zero();
      transpose(tile);
#pragma GCC unroll 16
      for (int r = 0; r < L; ++r)
        if (r < rows) tile[r].store(y + (n + r) * F + f, width);
    }
  }
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
