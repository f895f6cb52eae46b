/// Products with a sparse factor: sparse times dense (SpMM), and dense times dense at listed places alone (sampled
/// dense-dense product, SDDMM). The sums are those of the dense products, term by term.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// An element of a row of a sparse matrix: term `at` of a chunk of a sum.
template <class T>
struct Nonzero {
  T value;
  int32_t at;
};
/// Terms in a chunk, and registers in a row of a wide panel: the rows of b that belong to a chunk are 32 KiB at most
/// and stay in the L1 cache.
inline constexpr int64_t kSparseChunk = 64, kWidePanel = 8;

template <class T>
struct SparseKernels {
  /// c[r, j] = start + sum_l a[r, l] b[l, j], r < R, j < width <= kWidePanel registers, in ascending order of l; start
  /// = c[r, j] if `add`, else 0. The nonzeros of row r of a begin at a + r * lda, those meant here are numbers ends[0]
  /// to ends[1] of them, at ends + r * lde; elements left out count as 0, even where b is not finite. `next_b`, unless
  /// null, is the b of the next call: it is prefetched.
  void (*spmm)(int64_t R, const int32_t* ends, int64_t lde, const Nonzero<T>* a, int64_t lda, int64_t width,
               const T* b, int64_t ldb, bool add, T* c, int64_t ldc, const T* next_b);
  /// DotGemmKernels::forward for some results alone: y[m, c] for the m in list c, c < C; lists are
  /// rows of nonzeros as in spmm, whose values do not matter. x (M, K) comes in panels, too; sums is scratch for M * C
  /// registers.
  void (*sddmm)(int64_t M, int64_t C, int64_t K, int64_t panel, const int32_t* ends, int64_t lde,
                const Nonzero<T>* list, int64_t ldl, const T* x, const T* w, const T* bias, T* sums, T* y, int64_t ldy);
};

}  // namespace nncore
