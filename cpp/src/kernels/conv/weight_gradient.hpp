/// dw[k, c, i, j] = sum of dy[k, p, q] x[c, p + i - ph, q + j - pw]: the sums of an image stay in registers and
/// are added to dw at its end: one pass over dw for each image, and smaller rounding errors than one long sum.
#pragma once

#include "kernels/conv/conv.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace blocked_conv {
namespace {

// Blocks of dy by channels of x in a tile of one tap. AVX-512 2 * 8 sums + 2 of dy + 1 broadcast = 19 registers, per
// pixel 10 loads for 16 FMA; AVX2 2 * 4 + 3 = 11, 6 loads for 8 FMA; SSE2 2 * 4 + 2 + 2 = 12, doubles 4 * 2 + 5.
template <class T>
constexpr int kChannels = Vec<T>::lanes < kRegisters / 4 ? Vec<T>::lanes : kRegisters / 4;
template <class T>
constexpr int kBlocks = 8 / kChannels<T> > 2 ? 8 / kChannels<T> : 2;

/// One image, one tap: the valid output range of the tap, dy (rows, columns), and x shifted by the tap.
template <class T>
struct Tap {
  const T *x, *dy;
  int64_t rows, columns, x_row, dy_row, dy_block, dw_block;
  bool first;  ///< assign, do not add
};

template <class T, int Q, int B>
[[gnu::noinline]] void tile(const Tap<T>& given, T* dw) {
  constexpr int64_t b = Vec<T>::lanes;
  const Tap<T> t = given;
  Vec<T> sum[Q][B];
#pragma GCC unroll 8
  for (auto& of_channel : sum)
#pragma GCC unroll 4
    for (auto& s : of_channel) s = Vec<T>::zero();
  for (int64_t r = 0; r < t.rows; ++r) {
    const T *x = t.x + r * t.x_row, *dy = t.dy + r * t.dy_row;
    for (int64_t v = 0; v < t.columns; ++v, x += b, dy += b) {
      Vec<T> gradient[B];
#pragma GCC unroll 4
      for (int k = 0; k < B; ++k) gradient[k] = Vec<T>::load(dy + k * t.dy_block);
#pragma GCC unroll 8
      for (int q = 0; q < Q; ++q) {
        const Vec<T> value = Vec<T>::broadcast(x + q);
#pragma GCC unroll 4
        for (int k = 0; k < B; ++k) sum[q][k] = fma(value, gradient[k], sum[q][k]);
      }
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q)
#pragma GCC unroll 4
    for (int k = 0; k < B; ++k) {
      T* to = dw + k * t.dw_block + q * b;
      (t.first ? sum[q][k] : Vec<T>::load(to) + sum[q][k]).store(to);
    }
}

template <class T, int B, int Q = kChannels<T>>
NNCORE_INLINE void tile_of(int64_t channels, const Tap<T>& t, T* dw) {
  if constexpr (Q > 0) {
    if (channels == Q) tile<T, Q, B>(t, dw);
    else tile_of<T, B, Q - 1>(channels, t, dw);
  }
}

/// All channels of one block.
template <class T, int B = kBlocks<T>>
NNCORE_INLINE void channels_of(int64_t blocks, int64_t channels, Tap<T> t, T* dw) {
  if constexpr (B > 0) {
    if (blocks < B) return channels_of<T, B - 1>(blocks, channels, t, dw);
    for (int64_t q = 0; q < channels; q += kChannels<T>, t.x += kChannels<T>)
      tile_of<T, B>(channels - q < kChannels<T> ? channels - q : kChannels<T>, t, dw + q * Vec<T>::lanes);
  }
}

/// The valid output range of tap i in one direction: `count` outputs from `first` on; `input` is what the first reads.
struct ValidOutputs {
  int64_t first, count, input;
};
NNCORE_INLINE ValidOutputs valid_outputs(int64_t i, int64_t pad, int64_t size, int64_t out) {
  const int64_t first = i < pad ? pad - i : 0, end = size + pad - i < out ? size + pad - i : out;
  return {first, end > first ? end - first : 0, first + i - pad};
}

template <class T>
void weight_gradient(const ConvShape& s, const ConvTaps& part, const T* x, const T* dy, T* dw) {
  constexpr int64_t b = Vec<T>::lanes;
  const int64_t x_block = s.H * s.W * b, dy_block = s.OH() * s.OW() * b, dw_block = s.C * s.kh * s.kw * b;
  const int64_t x_image = blocks_of(s.C, b) * x_block, dy_image = blocks_of(s.K, b) * dy_block;
  // n == 0: without images dw is set to zeros
  for (int64_t n = 0; n == 0 || n < part.images; ++n)
    for (int64_t k = part.block0; k < part.block1; k += kBlocks<T>)
      for (int64_t c = part.in0; c < part.in1; ++c) {
        const int64_t blocks = part.block1 - k < kBlocks<T> ? part.block1 - k : kBlocks<T>;
        const int64_t channels = s.C - c * b < b ? s.C - c * b : b;
        for (int64_t tap = part.tap0; tap < part.tap1; ++tap) {
          const ValidOutputs row = valid_outputs(tap / s.kw, s.ph, s.H, s.OH());
          const ValidOutputs column = valid_outputs(tap % s.kw, s.pw, s.W, s.OW());
          const bool none = row.count == 0 || column.count == 0 || part.images == 0;
          Tap<T> t = {x, dy, 0, column.count, s.W * b, s.OW() * b, dy_block, dw_block, n == 0 && !part.onto};
          if (!none) {
            t.rows = row.count;
            t.x += n * x_image + c * x_block + (row.input * s.W + column.input) * b;
            t.dy += n * dy_image + k * dy_block + (row.first * s.OW() + column.first) * b;
          }
          channels_of<T>(blocks, channels, t, dw + k * dw_block + (c * b * s.kh * s.kw + tap * channels) * b);
        }
      }
}

}  // namespace
}  // namespace blocked_conv
}  // namespace nncore::NNCORE_ISA
