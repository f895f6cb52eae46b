/// The weight gradient of the first layer, with x in plain NCHW: the neighbouring taps of a row read neighbouring
/// numbers, so a tile is some taps of one channel and row of the kernel by two or four blocks of dy.
#pragma once

#include "kernels/conv/conv.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace plain_conv {
namespace {

// Taps by blocks in a tile. AVX-512 6 * 4 + 4 of dy + 1 broadcast = 29 of 32 registers, or 7 * 2 + 3; AVX2 6 * 2 + 3 =
// 15 of 16; SSE2 5 * 2 + 2 + 2 = 14.
constexpr int kTaps = rows_of_tile(2) < 7 ? rows_of_tile(2) : 7;
constexpr int blocks_for(int taps) {
  return taps <= rows_of_tile(4) ? 4 : 2;
}

/// One image, one row of taps: dy (rows, columns), and x from the row that the first of them reads.
template <class T>
struct Taps {
  const T *x, *dy;
  int64_t rows, x_row, dy_row;
  int64_t columns, column, W;  ///< tap j of output v reads input v + column + j
  int64_t dy_block, dw_block, dw_tap;
  bool first;  ///< assign, do not add
};

template <class T, int J, int B>
[[gnu::noinline]] void tile(const Taps<T>& given, T* dw) {
  constexpr int64_t b = Vec<T>::lanes;
  const Taps<T> t = given;
  Vec<T> sum[J][B];
#pragma GCC unroll 8
  for (auto& of_tap : sum)
#pragma GCC unroll 4
    for (auto& s : of_tap) s = Vec<T>::zero();

  // outputs for which all taps are inside: from inner0 to inner1
  const int64_t before = -t.column, end = t.W - t.column - (J - 1);
  const int64_t inner0 = before < 0 ? 0 : before < t.columns ? before : t.columns;
  const int64_t inner1 = end < inner0 ? inner0 : end < t.columns ? end : t.columns;
  for (int64_t r = 0; r < t.rows; ++r) {
    const T *x = t.x + r * t.x_row, *dy = t.dy + r * t.dy_row;
    const auto add = [&](int64_t v, auto reaches) __attribute__((always_inline)) {
      Vec<T> gradient[B];
#pragma GCC unroll 4
      for (int k = 0; k < B; ++k) gradient[k] = Vec<T>::load(dy + v * b + k * t.dy_block);
#pragma GCC unroll 8
      for (int j = 0; j < J; ++j) {
        const int64_t at = v + t.column + j;
        if (!reaches(at)) continue;
        const Vec<T> value = Vec<T>::broadcast(x + at);
#pragma GCC unroll 4
        for (int k = 0; k < B; ++k) sum[j][k] = fma(value, gradient[k], sum[j][k]);
      }
    };
    const auto inside = [&](int64_t at) __attribute__((always_inline)) { return at >= 0 && at < t.W; };
    const auto always = [](int64_t) __attribute__((always_inline)) { return true; };
    for (int64_t v = 0; v < inner0; ++v) add(v, inside);
    for (int64_t v = inner0; v < inner1; ++v) add(v, always);
    for (int64_t v = inner1; v < t.columns; ++v) add(v, inside);
  }
#pragma GCC unroll 8
  for (int j = 0; j < J; ++j)
#pragma GCC unroll 4
    for (int k = 0; k < B; ++k) {
      T* to = dw + k * t.dw_block + j * t.dw_tap;
      (t.first ? sum[j][k] : Vec<T>::load(to) + sum[j][k]).store(to);
    }
}

template <class T, int J, int B = blocks_for(J)>
NNCORE_INLINE void blocks_of_tile(int64_t blocks, const Taps<T>& t, T* dw) {
  if constexpr (B > 0) {
    if (blocks == B) tile<T, J, B>(t, dw);
    else blocks_of_tile<T, J, B - 1>(blocks, t, dw);
  }
}

/// `taps` <= J neighbouring taps of blocks from k0 to k1.
template <class T, int J = kTaps>
NNCORE_INLINE void taps_of(int64_t taps, int64_t blocks, Taps<T> t, T* dw) {
  if constexpr (J > 0) {
    if (taps < J) return taps_of<T, J - 1>(taps, blocks, t, dw);
    constexpr int64_t most = blocks_for(J);
    for (; blocks > 0; blocks -= most, t.dy += most * t.dy_block, dw += most * t.dw_block)
      blocks_of_tile<T, J>(blocks < most ? blocks : most, t, dw);
  }
}

template <class T>
void weight_gradient(const ConvShape& s, const ConvTaps& part, const T* x, const T* dy, T* dw) {
  constexpr int64_t b = Vec<T>::lanes;
  const int64_t dy_block = s.OH() * s.OW() * b, dw_block = s.C * s.kh * s.kw * b;
  const int64_t dy_image = blocks_of(s.K, b) * dy_block;
  for (int64_t n = 0; n == 0 || n < part.images; ++n)  // n == 0: without images dw is set to zeros
    for (int64_t c = part.in0; c < part.in1; ++c)
      for (int64_t tap = part.tap0, now; tap < part.tap1; tap += now) {
        const int64_t i = tap / s.kw, j = tap % s.kw;
        // what is left of the row of taps, in tiles as equal as possible
        const int64_t left = part.tap1 - tap < s.kw - j ? part.tap1 - tap : s.kw - j;
        const int64_t tiles = (left + kTaps - 1) / kTaps;
        now = (left + tiles - 1) / tiles;
        const int64_t row0 = i < s.ph ? s.ph - i : 0, row1 = s.H + s.ph - i < s.OH() ? s.H + s.ph - i : s.OH();
        const int64_t block_c = c / b * b, channels = s.C - block_c < b ? s.C - block_c : b;
        Taps<T> t = {x, dy, 0, s.W, s.OW() * b, s.OW(), j - s.pw, s.W, dy_block, dw_block, channels * b,
                     n == 0 && !part.onto};
        if (row1 > row0 && part.images > 0) {
          t.rows = row1 - row0;
          t.x += ((n * s.C + c) * s.H + row0 + i - s.ph) * s.W;
          t.dy += n * dy_image + part.block0 * dy_block + row0 * s.OW() * b;
        }
        T* to = dw + part.block0 * dw_block + (block_c * s.kh * s.kw + tap * channels + c - block_c) * b;
        taps_of<T>(now, part.block1 - part.block0, t, to);
      }
}


}  // namespace
}  // namespace plain_conv
}  // namespace nncore::NNCORE_ISA
