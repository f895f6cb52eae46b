/// Shuffles by 16-byte parts: pairs and halves of two registers, the transposition of rows any distance apart, a part
/// of columns at a time, and sums across lanes, which transpose as they add. (transpose.hpp: whole registers of rows
/// without gaps.)
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// Numbers in a part.
template <class T>
constexpr int kPart = 16 / static_cast<int>(sizeof(T));

/// Pairs from the lower (upper) half of every 16 bytes: float a0 b0 a1 b1 (a2 b2 a3 b3), double a0 b0 (a1 b1).
template <class T>
NNCORE_INLINE Vec<T> lower_pairs(Vec<T> a, Vec<T> b) { return {Ops<T>::lower_pairs(a.v, b.v)}; }
template <class T>
NNCORE_INLINE Vec<T> upper_pairs(Vec<T> a, Vec<T> b) { return {Ops<T>::upper_pairs(a.v, b.v)}; }

/// The same for pairs of floats seen as one lane of double width: a0 a1 b0 b1 (a2 a3 b2 b3).
NNCORE_INLINE Vec<float> lower_halves(Vec<float> a, Vec<float> b) {
  using D = Vec<double>;
  return {(Vec<float>::N)lower_pairs(D{(D::N)a.v}, D{(D::N)b.v}).v};
}
NNCORE_INLINE Vec<float> upper_halves(Vec<float> a, Vec<float> b) {
  using D = Vec<double>;
  return {(Vec<float>::N)upper_pairs(D{(D::N)a.v}, D{(D::N)b.v}).v};
}

/// One register of 16-byte parts, `stride` elements apart.
template <class T>
NNCORE_INLINE Vec<T> load_parts(const T* p, int64_t stride) { return {Ops<T>::load_parts(p, stride)}; }

/// The 16-byte parts of a and b joined in pairs and added: a0+a1 (a2+a3) b0+b1 (b2+b3); a register of one part: a.
template <class T>
NNCORE_INLINE Vec<T> join_parts(Vec<T> a, Vec<T> b) { return {Ops<T>::join_parts(a.v, b.v)}; }

/// columns[j] = x[.., j] for j in one part, lane i from row i: the parts of the rows i, i + kPart, ... side by side,
/// then a transposition inside every 16 bytes.
template <class T>
NNCORE_INLINE void transpose_part(const T* x, int64_t ldx, Vec<T>* columns) {
  if constexpr (sizeof(T) == 4) {
    Vec<T> row[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) row[i] = load_parts(x + i * ldx, 4 * ldx);
    const Vec<T> a = lower_pairs(row[0], row[1]), b = lower_pairs(row[2], row[3]);
    const Vec<T> c = upper_pairs(row[0], row[1]), d = upper_pairs(row[2], row[3]);
    columns[0] = lower_halves(a, b), columns[1] = upper_halves(a, b);
    columns[2] = lower_halves(c, d), columns[3] = upper_halves(c, d);
  } else {
    const Vec<T> even = load_parts(x, 2 * ldx), odd = load_parts(x + ldx, 2 * ldx);
    columns[0] = lower_pairs(even, odd), columns[1] = upper_pairs(even, odd);
  }
}

/// out[i] = sum of the lanes of a[i], i < 4. Adding transposed halves costs 2 shuffles a sum instead of the 4 of one
/// register on its own; the tree is the same for all four.
template <class T>
NNCORE_INLINE void sum_lanes(const Vec<T>* a, T* out) {
  const auto add = [](auto x, auto y) __attribute__((always_inline)) { return x + y; };
  const Vec<T> first = lower_pairs(a[0], a[1]) + upper_pairs(a[0], a[1]);
  const Vec<T> second = lower_pairs(a[2], a[3]) + upper_pairs(a[2], a[3]);
  if constexpr (sizeof(T) == 4) {
    const auto four = fold_parts(lower_halves(first, second) + upper_halves(first, second), add);
    __builtin_memcpy(out, &four, sizeof four);
  } else {
    const auto low = fold_parts(first, add), high = fold_parts(second, add);
    __builtin_memcpy(out, &low, sizeof low);
    __builtin_memcpy(out + 2, &high, sizeof high);
  }
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
