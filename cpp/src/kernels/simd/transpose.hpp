/// Turning blocks: L rows of C contiguous numbers into C registers with row r in lane r, and back.
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
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    return {{_mm512_permutex2var_ps(low.v, even, high.v)}, {_mm512_permutex2var_ps(low.v, odd, high.v)}};
  } else {
    const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    return {{_mm512_permutex2var_pd(low.v, even, high.v)}, {_mm512_permutex2var_pd(low.v, odd, high.v)}};
  }
#elif NNCORE_AVX2
  // within halves first, then quarters 0 2 1 3
  if constexpr (sizeof(T) == 4) {
    const __m256d even = (__m256d)_mm256_shuffle_ps(low.v, high.v, 0x88);
    const __m256d odd = (__m256d)_mm256_shuffle_ps(low.v, high.v, 0xdd);
    return {{(__m256)_mm256_permute4x64_pd(even, 0xd8)}, {(__m256)_mm256_permute4x64_pd(odd, 0xd8)}};
  } else {
    const __m256d even = _mm256_unpacklo_pd(low.v, high.v), odd = _mm256_unpackhi_pd(low.v, high.v);
    return {{_mm256_permute4x64_pd(even, 0xd8)}, {_mm256_permute4x64_pd(odd, 0xd8)}};
  }
#else
  using N = typename Vec<T>::N;
  if constexpr (sizeof(T) == 4) {
    return {{N{low.v[0], low.v[2], high.v[0], high.v[2]}}, {N{low.v[1], low.v[3], high.v[1], high.v[3]}}};
  } else {
    return {{N{low.v[0], high.v[0]}}, {N{low.v[1], high.v[1]}}};
  }
#endif
}

/// a, b -> a0 b0 a1 b1 ... in two registers.
template <class T>
NNCORE_INLINE Pair<T> zip(Vec<T> a, Vec<T> b) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) {
    const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i high = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    return {{_mm512_permutex2var_ps(a.v, low, b.v)}, {_mm512_permutex2var_ps(a.v, high, b.v)}};
  } else {
    const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
    return {{_mm512_permutex2var_pd(a.v, low, b.v)}, {_mm512_permutex2var_pd(a.v, high, b.v)}};
  }
#elif NNCORE_AVX2
  if constexpr (sizeof(T) == 4) {
    const __m256 low = _mm256_unpacklo_ps(a.v, b.v), high = _mm256_unpackhi_ps(a.v, b.v);
    return {{_mm256_permute2f128_ps(low, high, 0x20)}, {_mm256_permute2f128_ps(low, high, 0x31)}};
  } else {
    const __m256d low = _mm256_unpacklo_pd(a.v, b.v), high = _mm256_unpackhi_pd(a.v, b.v);
    return {{_mm256_permute2f128_pd(low, high, 0x20)}, {_mm256_permute2f128_pd(low, high, 0x31)}};
  }
#else
  using N = typename Vec<T>::N;
  if constexpr (sizeof(T) == 4) {
    return {{N{a.v[0], b.v[0], a.v[1], b.v[1]}}, {N{a.v[2], b.v[2], a.v[3], b.v[3]}}};
  } else {
    return {{N{a.v[0], b.v[0]}}, {N{a.v[1], b.v[1]}}};
  }
#endif
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
/// to whole registers; what lies beyond C is of no use.
template <class T>
void turn(int64_t rows, int64_t C, const T* z, Vec<T>* block) {
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

/// The way back: only `rows` rows are written. Masked stores are slow before AVX-512, so there a whole register is
/// stored wherever it ends inside these rows. What it spills over the next row is overwritten: by that row's store, or
/// by the tiles further left, which come later.
template <class T>
void turn_back(int64_t rows, int64_t C, const Vec<T>* block, T* z) {
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
      if (!NNCORE_AVX512 && start + L <= rows * C) tile[r].store(z + start);
      else if (r < rows) tile[r].store(z + start, width);
    }
  }
}

/// How many of the 2 rows numbers lie in the first and in the second register.
template <class T>
struct Halves {
  FirstLanes<T> low, high;
  NNCORE_INLINE explicit Halves(int64_t rows)
      : low(2 * rows < Vec<T>::lanes ? 2 * rows : Vec<T>::lanes),
        high(2 * rows < Vec<T>::lanes ? 0 : 2 * rows - Vec<T>::lanes) {}
};

/// turn for C = 2; the lanes without a row are zeros.
template <class T>
NNCORE_INLINE void turn_pairs(int64_t rows, const T* z, Vec<T>* block) {
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
NNCORE_INLINE void turn_pairs_back(int64_t rows, const Vec<T>* block, T* z) {
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
