/// The micro-kernel (BLIS) of forward, weight gradient and partial products, its lanes along the columns: a tile
/// c[r, j] = start[j] + sum_l a[r, l] b[l, j] of kTileRows rows by up to 2 vectors of columns, whose sums stay in
/// registers from the first l to the last. The products differ in how they walk through a.
#pragma once

#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

// Rows in a tile. 2 columns of accumulators + 2 vectors of b + 1 broadcast of a:
// AVX-512 14 * 2 + 3 = 31 of 32 registers, per l 16 loads for 28 FMA; AVX2 6 * 2 + 3 = 15 of 16, 8 loads for 12 FMA;
// SSE2 5 * 2 + 2 + 2 (the product needs a register of its own) = 14 of 16, 7 loads for 10 multiply-adds.
constexpr int kTileRows = rows_of_tile(2);

/// One call. length: terms of the sum; whole: how many of them may load whole vectors of b; width: columns.
/// lda, ldb, ldc: distance of rows; start: null for zeros; add: start is what stands in c instead.
template <class T>
struct Problem {
  int64_t length, whole, width;
  const T* a;
  int64_t lda;
  const T* b;
  int64_t ldb;
  const T* start;
  T* c;
  int64_t ldc;
  bool add = false;
};

/// How many of the `length` rows of b may be read to the end of `columns` >= width lanes: the bytes behind the row's
/// last column have to belong to a later row. Where masks are not free such rows are loaded without one.
template <class T>
int64_t whole_rows(const Problem<T>& p, int64_t columns) {
  if (kFreeMasks || p.width == columns) return p.length;
  const int64_t at_the_end = (columns - p.width + p.ldb - 1) / p.ldb;
  return p.length > at_the_end ? p.length - at_the_end : 0;
}

/// a as it is stored: rows are rows (forward). Pointers to every third row and offsets of one and two rows address
/// all of them with a third of the registers.
template <class T, int R>
struct RowsOfA {
  const T* third[(R + 2) / 3];
  int64_t lda;
  NNCORE_INLINE RowsOfA(const T* a, int64_t stride) : lda(stride) {
#pragma GCC unroll 16
    for (int i = 0; i < (R + 2) / 3; ++i) third[i] = a + 3 * i * stride;
  }
  NNCORE_INLINE const T* row(int r) const { return third[r / 3] + r % 3 * lda; }
  NNCORE_INLINE void next() {
#pragma GCC unroll 16
    for (int i = 0; i < (R + 2) / 3; ++i) ++third[i];
  }
};

/// a as it is stored, transposed: its columns are the tile's rows, so they are neighbours (weight gradient).
template <class T, int R>
struct ColumnsOfA {
  const T* first;
  int64_t lda;
  NNCORE_INLINE ColumnsOfA(const T* a, int64_t stride) : first(a), lda(stride) {}
  NNCORE_INLINE const T* row(int r) const { return first + r; }
  NNCORE_INLINE void next() { first += lda; }
};

/// R rows x `vectors` vectors of c, the last one partial. Where masks cost, the last of several starts early enough to
/// be whole instead and computes some columns twice, to the same bits.
template <template <class, int> class Walk, class T, int R, int vectors>
[[gnu::noinline]] void tile(const Problem<T>& problem, const T* a_start, T* c) {
  constexpr int lanes = Vec<T>::lanes, last = vectors - 1;
  const Problem<T> p = problem;  // a copy that stores to c cannot alias
  constexpr bool early = vectors > 1 && !kFreeMasks;
  const int64_t last_at = early ? p.width - lanes : last * lanes;
  const FirstLanes<T> partial(p.width - last_at);
  const auto load_last = [&](const T* row) __attribute__((always_inline)) {
    if constexpr (early) return Vec<T>::load(row + last_at);
    else return Vec<T>::load(row + last_at, partial);
  };
  Vec<T> sum[R][vectors];
  if (p.add) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < last; ++v) sum[r][v] = Vec<T>::load(c + r * p.ldc + v * lanes);
      sum[r][last] = load_last(c + r * p.ldc);
    }
  } else {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const Vec<T> start = !p.start   ? Vec<T>::zero()
                           : v < last ? Vec<T>::load(p.start + v * lanes)
                                      : load_last(p.start);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum[r][v] = start;
    }
  }

  Walk<T, R> a(a_start, p.lda);
  const T* b = p.b;
  const auto add_term = [&](Vec<T> last_of_b) __attribute__((always_inline)) {
    Vec<T> row_of_b[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < last; ++v) row_of_b[v] = Vec<T>::load(b + v * lanes);
    row_of_b[last] = last_of_b;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec<T> x = Vec<T>::broadcast(a.row(r));
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(x, row_of_b[v], sum[r][v]);
    }
    a.next();
    b += p.ldb;
  };
  int64_t l = 0;
  if constexpr (!kFreeMasks && vectors == 1)
    for (; l < p.whole; ++l) add_term(Vec<T>::load(b));
  for (; l < p.length; ++l) add_term(load_last(b));

#pragma GCC unroll 16
  for (int r = 0; r < R; ++r, c += p.ldc) {
#pragma GCC unroll 16
    for (int v = 0; v < last; ++v) sum[r][v].store(c + v * lanes);
    if (!early && (kFreeMasks || p.width < lanes)) sum[r][last].store(c + last_at, partial);
    else sum[r][last].store(c + last_at);
  }
}

/// The tile of `rows` <= R rows, R counted down at compile time.
template <template <class, int> class Walk, class T, int vectors, int R = kTileRows>
NNCORE_INLINE void tile_of(int64_t rows, const Problem<T>& p, const T* a, T* c) {
  if constexpr (R > 0) {
    if (rows == R) tile<Walk, T, R, vectors>(p, a, c);
    else tile_of<Walk, T, vectors, R - 1>(rows, p, a, c);
  }
}

/// All rows in tiles as equal as possible: 15 rows are 8 + 7, because a tile of one row would wait for its own sums.
template <template <class, int> class Walk, class T, int vectors>
void tiles(int64_t rows, int64_t most, int64_t a_row, Problem<T>& p) {
  p.whole = whole_rows(p, vectors * Vec<T>::lanes);
  if (rows <= most) return tile_of<Walk, T, vectors>(rows, p, p.a, p.c);
  const int64_t count = (rows + most - 1) / most, least = rows / count, one_more = rows % count;
  const T* a = p.a;
  T* c = p.c;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t now = least + (i < one_more ? 1 : 0);
    tile_of<Walk, T, vectors>(now, p, a, c);
    a += now * a_row;
    c += now * p.ldc;
  }
}

template <template <class, int> class Walk, class T>
NNCORE_INLINE void product(int64_t rows, int64_t most, int64_t a_row, Problem<T> p) {
  if (p.width > Vec<T>::lanes) tiles<Walk, T, 2>(rows, most, a_row, p);
  else if (p.width > 0) tiles<Walk, T, 1>(rows, most, a_row, p);
}

}  // namespace
}  // namespace gemm
}  // namespace nncore::NNCORE_ISA
