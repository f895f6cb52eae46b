/// The kernels of direct convolution (stride 1, one group, no dilation) and of pooling, on channel-blocked arrays.
///
/// Layout. A block is b = Kernels<T>::lanes channels, so that one register holds one pixel of one block and nothing
/// else needs an index. Blocked x has shape (N, blocks of C, H, W, b). Lanes beyond C are never read as input channels;
/// as output channels they come out zero, and a dy that is turned into dw must hold zeros there.
///
/// Weights (K, C, kh, kw) are packed as (block of K, block of C, kh, kw, c, k): `weight_index` is the formula. The
/// last block of C has only as many c as there are, the last block of K has b lanes, the ones beyond K zero. The first
/// layer, with x in plain NCHW, uses the same order: one packing for all.
///
/// Calls. A part of the work is some images, blocks, and rows or taps; pointers are those of the whole arrays from the
/// first of the images on. Every sum runs in an order fixed by the shape, so no bit depends on how work is cut up
/// (sums over images: in the order of the images, all in one call).
#pragma once

#include <cstdint>

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

/// A convolution of kh = kw = k = 3 or 5 in tiles of m x m outputs, each from n x n inputs with n x n multiplications
/// instead of (m k)^2. Tiles are counted over all images, row by row.
struct WinogradShape {
  ConvShape conv;
  static constexpr int64_t m = 4;

  [[gnu::always_inline]] constexpr int64_t n() const { return m + conv.kh - 1; }
  [[gnu::always_inline]] constexpr int64_t rows() const { return (conv.OH() + m - 1) / m; }
  [[gnu::always_inline]] constexpr int64_t columns() const { return (conv.OW() + m - 1) / m; }
  [[gnu::always_inline]] constexpr int64_t tiles() const { return rows() * columns(); }  ///< of one image
  /// Elements from one point's values of `count` tiles with C channels, (blocks of C, count, b), to the next point's:
  /// one register more than they need, so that points do not all meet in one place of the cache.
  [[gnu::always_inline]] static constexpr int64_t point(int64_t C, int64_t count, int64_t b) {
    return blocks_of(C, b) * count * b + b;
  }
  /// The same of weights, packed as those of a 1 x 1 convolution.
  [[gnu::always_inline]] constexpr int64_t weights(int64_t b) const { return blocks_of(conv.K, b) * b * conv.C + b; }
};
struct TileRange {
  int64_t tile0, tile1;
};

/// Windows of kh x kw taps, sh and sw apart, on planes (H, W); OH x OW of them. Taps in the padding (ph, pw on either
/// side) count for nothing. Each window must meet the plane, and max-pooling takes up to 256 taps.
struct PoolShape {
  int64_t H, W, OH, OW, kh, kw, sh, sw, ph, pw;
};

template <class T>
struct ConvKernels {
  using Forward = void (*)(const ConvShape& s, const ConvRows& part, const T* x, const T* w, const T* bias, T* y);
  using Weights = void (*)(const ConvShape& s, const ConvTaps& part, const T* x, const T* dy, T* dw);

  /// y from blocked x, and from plain x (N, C, H, W) of few channels. w is packed; bias (K) may be null (zeros).
  Forward conv_forward, conv_forward_plain;
  /// dw (packed) = sum over the images of dy and x; x blocked, or plain.
  Weights conv_weight_gradient, conv_weight_gradient_plain;
  /// db[k] = sum over the images of dy, assigned, for some blocks of K.
  void (*conv_bias_gradient)(const ConvShape& s, int64_t images, int64_t block0, int64_t block1, const T* dy, T* db);

  /// (N, C, L) to blocked (N, blocks of C, L, b) with zeros in the lanes beyond C, and back; L = H * W.
  void (*to_blocked)(int64_t N, int64_t C, int64_t L, const T* x, T* y);
  void (*from_blocked)(int64_t N, int64_t C, int64_t L, const T* x, T* y);
  /// Weights (K, C, kh, kw) to packed ones, and back.
  void (*pack_weights)(const ConvShape& s, const T* w, T* packed);
  void (*unpack_weights)(const ConvShape& s, const T* packed, T* w);
  /// Packed weights for s.backward(): K and C exchanged, taps reversed. From some blocks of K, say after their update.
  void (*flip_weights)(const ConvShape& s, int64_t block0, int64_t block1, const T* w, T* flipped);

  // Winograd's way: values at the n x n points, each WinogradShape::point apart, of some tiles of x, or of dy, and back;
  // of packed weights, and back from the sum of `parts` arrays of them, `part` apart. bias may be null.
  void (*winograd_input)(const WinogradShape& s, const TileRange& part, const T* x, T* v);
  void (*winograd_gradient)(const WinogradShape& s, const TileRange& part, const T* dy, T* v);
  void (*winograd_output)(const WinogradShape& s, const TileRange& part, const T* v, const T* bias, T* y);
  void (*winograd_weights)(const WinogradShape& s, int64_t block0, int64_t block1, const T* w, T* u);
  void (*winograd_weight_gradient)(const WinogradShape& s, int64_t block0, int64_t block1, int64_t parts, int64_t part,
                                   const T* u, T* dw);

  // Pooling of `planes` = images * blocks planes of blocked pixels.
  /// Rows from row0 to row1 of y; taken[..] = i * kw + j of the largest number, the first of equals, or of the last NaN
  /// (taken may be null).
  void (*max_pool)(const PoolShape& s, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y, uint8_t* taken);
  void (*max_pool_backward)(const PoolShape& s, int64_t planes, const T* dy, const uint8_t* taken, T* dx);
  /// The sum of a window, divided by its taps in the plane and the padding, or by those inside the plane alone.
  void (*mean_pool)(const PoolShape& s, bool inside, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y);
  void (*mean_pool_backward)(const PoolShape& s, bool inside, int64_t planes, const T* dy, T* dx);
};

}  // namespace nncore
