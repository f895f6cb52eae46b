/// Transposition: L rows of C contiguous numbers into C registers with row r in lane r, and back.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
struct Pair {
  Vec<T> first, second;
};

/// a0 b0 a1 b1 ... in two registers -> a, b.
template <class T>
NNCORE_INLINE Pair<T> unzip(Vec<T> low, Vec<T> high) {
  Pair<T> pair;
  Ops<T>::unzip(low.v, high.v, pair.first.v, pair.second.v);
  return pair;
}

/// a, b -> a0 b0 a1 b1 ... in two registers.
template <class T>
NNCORE_INLINE Pair<T> zip(Vec<T> a, Vec<T> b) {
  Pair<T> pair;
  Ops<T>::zip(a.v, b.v, pair.first.v, pair.second.v);
  return pair;
}

/// An L x L block in registers. One round of zips moves the top bit of a row's number to the bottom of the lane's;
/// after all bits have moved, rows and lanes have changed places.
template <class T>
NNCORE_INLINE void transpose(Vec<T> (&rows)[Vec<T>::lanes]) {
  constexpr int L = Vec<T>::lanes;
#pragma GCC unroll 4
  for (int round = 1; round < L; round *= 2) {
    Vec<T> zipped[L];
#pragma GCC unroll 8
    for (int i = 0; i < L / 2; ++i) {
      const Pair<T> pair = zip(rows[i], rows[i + L / 2]);
      zipped[2 * i] = pair.first, zipped[2 * i + 1] = pair.second;
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) rows[i] = zipped[i];
  }
}

/// Column c of `rows` <= L rows into block[c], zeros in the lanes without a row. The block has room for C rounded up
/// to whole registers; registers beyond C are undefined.
template <class T>
void transpose_rows(int64_t rows, int64_t C, const T* z, Vec<T>* block) {
  constexpr int L = Vec<T>::lanes;
  for (int64_t c = 0; c < C; c += L) {
    const FirstLanes<T> width(C - c < L ? C - c : L);
    Vec<T> tile[L];
#pragma GCC unroll 16
    for (int r = 0; r < L; ++r) tile[r] = r < rows ? Vec<T>::load(z + r * C + c, width) : Vec<T>::zero();
    transpose(tile);
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) block[c + i] = tile[i];
  }
}

/// The inverse of transpose_rows: only `rows` rows are written. Where masked stores are slow a whole register is stored
/// wherever it ends inside these rows. Lanes that land in the next row are overwritten by that row's store, or by the
/// tiles further left, which come later.
template <class T>
void transpose_rows_back(int64_t rows, int64_t C, const Vec<T>* block, T* z) {
  constexpr int L = Vec<T>::lanes;
  for (int64_t c = (C - 1) / L * L; c >= 0; c -= L) {
    const FirstLanes<T> width(C - c < L ? C - c : L);
    Vec<T> tile[L];
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) tile[i] = block[c + i];
    transpose(tile);
#pragma GCC unroll 16
    for (int r = 0; r < L; ++r) {
      const int64_t start = r * C + c;
      if (!kFreeMasks && start + L <= rows * C) tile[r].store(z + start);
      else if (r < rows) tile[r].store(z + start, width);
    }
  }
}

/// How many of the 2 * rows numbers lie in the first and in the second register.
template <class T>
struct Halves {
  FirstLanes<T> low, high;
  NNCORE_INLINE explicit Halves(int64_t rows)
      : low(2 * rows < Vec<T>::lanes ? 2 * rows : Vec<T>::lanes),
        high(2 * rows < Vec<T>::lanes ? 0 : 2 * rows - Vec<T>::lanes) {}
};

/// transpose_rows for C = 2; the lanes without a row are zeros.
template <class T>
NNCORE_INLINE void transpose_pairs(int64_t rows, const T* z, Vec<T>* block) {
  constexpr int L = Vec<T>::lanes;
  Pair<T> columns;
  if (rows == L) {
    columns = unzip(Vec<T>::load(z), Vec<T>::load(z + L));
  } else {
    const Halves<T> part(rows);
    columns = unzip(Vec<T>::load(z, part.low), Vec<T>::load(z + L, part.high));
  }
  block[0] = columns.first, block[1] = columns.second;
}

template <class T>
NNCORE_INLINE void transpose_pairs_back(int64_t rows, const Vec<T>* block, T* z) {
  constexpr int L = Vec<T>::lanes;
  const Pair<T> rows_of_two = zip(block[0], block[1]);
  if (rows == L) {
    rows_of_two.first.store(z), rows_of_two.second.store(z + L);
  } else {
    const Halves<T> part(rows);
    rows_of_two.first.store(z, part.low), rows_of_two.second.store(z + L, part.high);
  }
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
