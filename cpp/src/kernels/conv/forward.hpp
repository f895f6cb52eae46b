/// Direct convolution: row after row of a strip of columns, two blocks of channels in registers from bias to store.
///
/// Taps in the padding are skipped. Above and below the image that is a bound of a loop. To the left and right the
/// columns of a strip that a tap reaches must be compile-time constants, so that the sums stay in registers:
/// the loop over the taps of a row is split into those that miss 3, 2, 1 columns on the left, those that miss none, and
/// those that miss 1, 2, 3 on the right. A strip whose taps miss more is cut in two.
#pragma once

#include "kernels/conv/conv.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace conv {
namespace {

// Columns of a strip. With 2 blocks of sums, 2 registers of weights and 1 broadcast of x: AVX-512 14 * 2 + 3 = 31 of 32
// registers, 16 loads for 28 FMA; AVX2 6 * 2 + 3 = 15 of 16, 8 loads for 12 FMA; SSE2 5 * 2 + 2 + 2 = 14 of 16 (the
// product needs one), 7 loads for 10 multiply-adds.
constexpr int kColumns = rows_of_tile(2);
constexpr int kMissed = 3;
constexpr int64_t kCacheBytes = 24 << 10;  // of the L1 cache, for x

/// One image, one or two blocks of channels, rows from row0 to row1.
template <class T>
struct Strip {
  const T* x;
  int64_t C, x_channel, x_row;    ///< x_channel: from a channel to the next; in blocked x, a b-th of a block
  int64_t row0, row1, ph, H, kh;  ///< tap i of row r reads row r + i - ph
  int64_t column, W, kw;          ///< tap j of column r reads column + j + r
  const T *w, *bias;              ///< of the first block; bias null for zeros
  int64_t w_block, lanes;         ///< lanes: channels in the last block
  T* y;                           ///< row 0
  int64_t y_row, y_block;
};

/// Neighbouring taps of one row.
struct Taps {
  int64_t first, count;
};

/// Hides n from constant propagation: without it the compiler makes a version of every loop for each special value.
template <class N>
NNCORE_INLINE N opaque(N n) {
  asm("" : "+r"(n));
  return n;
}

/// Tap j alone, or none.
NNCORE_INLINE Taps one_tap(int64_t j, int64_t kw) { return {opaque(j), opaque(j >= 0 && j < kw ? 1 : 0)}; }

template <class T, bool plain, int R, int B>
[[gnu::noinline]] void strip(const Strip<T>& given) {
  constexpr int64_t b = Vec<T>::lanes, step = plain ? 1 : b;  // from column to column
  const Strip<T> t = given;  // a copy that stores to y cannot alias
  Vec<T> bias[B] = {};
  if (t.bias) {
    if constexpr (B == 2) bias[0] = Vec<T>::load(t.bias);
    bias[B - 1] = Vec<T>::load(t.bias + (B - 1) * b, FirstLanes<T>(t.lanes));
  }
  // tap and number of taps for columns from the first that is not missed to the last
  const int64_t last = t.W - R - t.column;  // the last tap that misses nothing on the right
  const int64_t full0 = t.column < 0 ? -t.column : 0, full1 = last < t.kw - 1 ? last + 1 : t.kw;
  const Taps left3 = one_tap(-t.column - 3, t.kw), left2 = one_tap(-t.column - 2, t.kw);
  const Taps left1 = one_tap(-t.column - 1, t.kw), full = {opaque(full0), opaque(full1 > full0 ? full1 - full0 : 0)};
  const Taps right1 = one_tap(last + 1, t.kw), right2 = one_tap(last + 2, t.kw), right3 = one_tap(last + 3, t.kw);

  for (int64_t out = t.row0; out < t.row1; ++out) {
    const int64_t row = out - t.ph, i0 = row < 0 ? -row : 0, i1 = t.H - row < t.kh ? t.H - row : t.kh;
    Vec<T> sum[R][B];
#pragma GCC unroll 16
    for (auto& column : sum)
#pragma GCC unroll 2
      for (int k = 0; k < B; ++k) column[k] = bias[k];

    for (int64_t c = 0; c < t.C; c += b) {
      const int64_t channels = t.C - c < b ? t.C - c : b, tap = channels * b;  // weights from tap to tap
      const bool gapless = !plain && channels == b;  // the channels of neighbouring taps are one run of numbers
      const T* x_row = t.x + c * t.x_channel + (row + i0) * t.x_row;
      const T* w_row = t.w + (c * t.kh + i0 * channels) * t.kw * b;
      for (int64_t i = i0; i < i1; ++i, x_row += t.x_row, w_row += t.kw * tap) {
        const auto add = [&]<int R0, int R1>(Taps taps) __attribute__((always_inline)) {
          if constexpr (R0 < R1) {
            const T *x = x_row + (t.column + taps.first + R0) * step, *w = w_row + taps.first * tap;
            const int64_t outer = taps.count == 0 ? 0 : plain ? channels : gapless ? 1 : taps.count;
            const int64_t inner = plain ? taps.count : gapless ? taps.count * b : channels;
            for (int64_t o = outer; o > 0; --o, x += plain ? t.x_channel : b, w += plain ? b : tap) {
              const T *from = x, *weights = w;
              for (int64_t n = inner; n > 0; --n, ++from, weights += plain ? tap : b) {
                from = opaque(from), weights = opaque(weights);  // no loop version for each stride
                Vec<T> weight[B];
#pragma GCC unroll 2
                for (int k = 0; k < B; ++k) weight[k] = Vec<T>::load(weights + k * t.w_block);
#pragma GCC unroll 16
                for (int r = R0; r < R1; ++r) {
                  const Vec<T> value = Vec<T>::broadcast(from + (r - R0) * step);
#pragma GCC unroll 2
                  for (int k = 0; k < B; ++k) sum[r][k] = fma(value, weight[k], sum[r][k]);
                }
              }
            }
          }
        };
        add.template operator()<3, R>(left3), add.template operator()<2, R>(left2);
        add.template operator()<1, R>(left1), add.template operator()<0, R>(full);
        add.template operator()<0, R - 1>(right1), add.template operator()<0, R - 2>(right2);
        add.template operator()<0, R - 3>(right3);
      }
    }

#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int k = 0; k < B; ++k) sum[r][k].store(t.y + out * t.y_row + r * b + k * t.y_block);
  }
}

/// The strip of `columns` <= R columns, R counted down at compile time.
template <class T, bool plain, int B, int R = kColumns>
NNCORE_INLINE void strip_of(int64_t columns, const Strip<T>& t) {
  if constexpr (R > 0) {
    if (columns == R) strip<T, plain, R, B>(t);
    else strip_of<T, plain, B, R - 1>(columns, t);
  }
}

/// Whether each tap misses at most kMissed columns and those on one side, or all of them.
template <class T>
NNCORE_INLINE bool fits(int64_t columns, const Strip<T>& t) {
  for (int64_t j = 0; j < t.kw; ++j) {
    const int64_t left = -t.column - j, right = t.column + j + columns - t.W;
    if (left >= columns || right >= columns) continue;
    if (left > kMissed || right > kMissed || (left > 0 && right > 0)) return false;
  }
  return true;
}

/// A strip that fits, or its halves.
template <class T, bool plain, int B>
void cut(int64_t columns, Strip<T> t) {
  const int64_t first = columns / 2;
  if (columns > kColumns || !fits(columns, t)) {
    cut<T, plain, B>(first, t);
    t.column += first, t.y += first * Vec<T>::lanes;
    return cut<T, plain, B>(columns - first, t);
  }
  strip_of<T, plain, B>(columns, t);
}

/// All columns in strips as equal as possible.
template <class T, bool plain, int B>
void strips(int64_t columns, Strip<T> t) {
  const int64_t count = (columns + kColumns - 1) / kColumns, least = columns / count, one_more = columns % count;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t now = least + (i < one_more ? 1 : 0);
    cut<T, plain, B>(now, t);
    t.column += now, t.y += now * Vec<T>::lanes;
  }
}

template <class T, bool plain>
void forward(const ConvShape& s, const ConvRows& part, const T* x, const T* w, const T* bias, T* y) {
  constexpr int64_t b = Vec<T>::lanes;
  const int64_t area = s.H * s.W, blocks = blocks_of(s.K, b), w_block = s.C * s.kh * s.kw * b;
  const int64_t x_image = area * (plain ? s.C : blocks_of(s.C, b) * b), y_block = s.OH() * s.OW() * b;
  // rows of y in a band: strip after strip finds their input in the cache
  const int64_t cached = kCacheBytes / (s.W * s.C * static_cast<int64_t>(sizeof(T))) - (s.kh - 1);
  const int64_t band = cached > 1 ? cached : 1;
  for (int64_t n = 0; n < part.images; ++n, x += x_image, y += blocks * y_block)
    for (int64_t k = part.block0; k < part.block1; k += 2) {
      const bool two = k + 1 < part.block1;
      const int64_t left = s.K - (two ? k + 1 : k) * b;
      Strip<T> t = {x, s.C, area, plain ? s.W : s.W * b, 0, 0, s.ph, s.H, s.kh, -s.pw, s.W, s.kw, w + k * w_block,
                   bias ? bias + k * b : bias, w_block, left < b ? left : b, y + k * y_block, s.OW() * b, y_block};
      for (t.row0 = part.row0; t.row0 < part.row1; t.row0 = t.row1) {
        t.row1 = part.row1 - t.row0 < band ? part.row1 : t.row0 + band;
        if (two) strips<T, plain, 2>(s.OW(), t);
        else strips<T, plain, 1>(s.OW(), t);
      }
    }
}


}  // namespace
}  // namespace conv
}  // namespace nncore::NNCORE_ISA
