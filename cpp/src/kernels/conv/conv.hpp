/// Direct convolution (stride 1, one group, no dilation) on channel-blocked arrays (oneDNN: nChw8c, nChw16c).
///
/// Layout. A block is b = Kernels<T>::lanes channels, so that one register holds one pixel of one block and nothing
/// else needs an index. Blocked x has shape (N, blocks of C, H, W, b). Lanes beyond C are never read as input channels;
/// as output channels they come out zero, and a dy from which dw is computed must hold zeros there.
///
/// Weights (K, C, kh, kw) are packed as (block of K, block of C, kh, kw, c, k): `weight_index` is the formula. The
/// last block of C has only as many c as there are, the last block of K has b lanes, the ones beyond K zero. The first
/// layer, with x in plain NCHW, uses the same order: one packing for all.
///
/// Calls. A part of the work is some images, blocks, and rows or taps; pointers are those of the whole arrays from the
/// first of the images on. Every sum runs in an order fixed by the shape, so no bit depends on how work is cut up
/// (sums over images: in the order of the images, all in one call).
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// y[k, p, q] = bias[k] + sum over c, i, j of w[k, c, i, j] x[c, p + i - ph, q + j - pw], where terms outside of x are
/// skipped. x (C, H, W), y (K, OH, OW). Paddings may be negative: x is cropped.
struct ConvShape {
  int64_t C, H, W, K, kh, kw, ph, pw;

  [[gnu::always_inline]] constexpr int64_t OH() const { return H + 2 * ph - kh + 1; }
  [[gnu::always_inline]] constexpr int64_t OW() const { return W + 2 * pw - kw + 1; }

  /// dx = forward(dy) with the weights of `flip_weights` and this shape.
  [[gnu::always_inline]] constexpr ConvShape backward() const {
    return {K, OH(), OW(), C, kh, kw, kh - 1 - ph, kw - 1 - pw};
  }
};

[[gnu::always_inline]] constexpr int64_t blocks_of(int64_t channels, int64_t b) { return (channels + b - 1) / b; }

/// Elements of packed weights; those of a block of K are C * kh * kw * b, one block after the other.
[[gnu::always_inline]] constexpr int64_t packed_size(const ConvShape& s, int64_t b) {
  return blocks_of(s.K, b) * b * s.C * s.kh * s.kw;
}
/// Where w[k, c, i, j] lies in packed weights.
[[gnu::always_inline]] constexpr int64_t weight_index(const ConvShape& s, int64_t b, int64_t k, int64_t c, int64_t i,
                                                      int64_t j) {
  const int64_t first = c / b * b, rows = s.C - first < b ? s.C - first : b;  // of c's block
  return ((k / b * s.C + first) * s.kh * s.kw + (i * s.kw + j) * rows + c - first) * b + k % b;
}

/// Which part of y: images from the first on, blocks of K, rows.
struct ConvRows {
  int64_t images, block0, block1, row0, row1;
};
/// Which part of dw: the sums over all `images`, for blocks of K, blocks of C (C counts channels one by one where x is
/// plain) and taps i * kw + j.
struct ConvTaps {
  int64_t images, block0, block1, in0, in1, tap0, tap1;
  bool onto = false;  ///< added to what dw holds
};

/// There are two tables of these, Kernels::conv and Kernels::plain_conv: for x in blocks, and for x of few channels in
/// plain NCHW.
template <class T>
struct ConvKernels {
  /// y, blocked, from x. w is packed; bias (K) may be null (zeros).
  void (*forward)(const ConvShape& s, const ConvRows& part, const T* x, const T* w, const T* bias, T* y);
  /// dw (packed) = sum over the images of dy and x.
  void (*weight_gradient)(const ConvShape& s, const ConvTaps& part, const T* x, const T* dy, T* dw);
  /// db[k] = sum over the images of dy, assigned, for some blocks of K.
  void (*bias_gradient)(const ConvShape& s, int64_t images, int64_t block0, int64_t block1, const T* dy, T* db);
};

}  // namespace nncore
