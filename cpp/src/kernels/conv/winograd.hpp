/// Convolution with fewer multiplications (Winograd): the transforms of images and weights to values at
/// n x n points, where a convolution is one product for each point, and back. The products are those of a 1 x 1
/// convolution (kernels/conv/conv.hpp).
#pragma once

#include "kernels/conv/conv.hpp"

namespace nncore {

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
  /// one register more than they need, so that the points do not all map to one set of the cache.
  [[gnu::always_inline]] static constexpr int64_t point(int64_t C, int64_t count, int64_t b) {
    return blocks_of(C, b) * count * b + b;
  }
  /// The same of weights, packed as those of a 1 x 1 convolution.
  [[gnu::always_inline]] constexpr int64_t weights(int64_t b) const { return blocks_of(conv.K, b) * b * conv.C + b; }
};
struct TileRange {
  int64_t tile0, tile1;
};

/// Values at the n x n points lie WinogradShape::point apart, those of weights WinogradShape::weights apart.
template <class T>
struct WinogradKernels {
  /// Some tiles of x (blocked), and of dy, to their values v at the points.
  void (*input_transform)(const WinogradShape& s, const TileRange& part, const T* x, T* v);
  void (*gradient_transform)(const WinogradShape& s, const TileRange& part, const T* dy, T* v);
  /// Values at the points to some tiles of y (blocked); bias may be null.
  void (*output_transform)(const WinogradShape& s, const TileRange& part, const T* v, const T* bias, T* y);
  /// Packed weights, some blocks of K, to their values u at the points.
  void (*weight_transform)(const WinogradShape& s, int64_t block0, int64_t block1, const T* w, T* u);
  /// dw (packed), some blocks of K, from the sum of `parts` arrays of values at the points, `part` elements apart.
  void (*weight_gradient_transform)(const WinogradShape& s, int64_t block0, int64_t block1, int64_t parts, int64_t part,
                                    const T* u, T* dw);
};

}  // namespace nncore
