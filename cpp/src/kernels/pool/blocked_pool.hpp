/// Pooling on channel-blocked images (kernels/conv/conv.hpp): `planes` = images * blocks planes of pixels, each pixel a
/// register of channels.
#pragma once

#include "kernels/conv/conv.hpp"

namespace nncore {

/// Windows of kh x kw taps, sh and sw apart, on planes (H, W); OH x OW of them. Taps in the padding (ph, pw on either
/// side) are skipped. Each window must overlap the plane, and max-pooling takes up to 256 taps.
struct PoolShape {
  int64_t H, W, OH, OW, kh, kw, sh, sw, ph, pw;
};

template <class T>
struct BlockedPoolKernels {
  /// Rows from row0 to row1 of y; taken[..] = i * kw + j of the largest number, the first of equals, or of the last NaN
  /// (taken may be null).
  void (*max)(const PoolShape& s, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y, uint8_t* taken);
  void (*max_backward)(const PoolShape& s, int64_t planes, const T* dy, const uint8_t* taken, T* dx);
  /// The sum of a window, divided by its taps in the plane and the padding, or by those inside the plane alone.
  void (*mean)(const PoolShape& s, bool inside, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y);
  void (*mean_backward)(const PoolShape& s, bool inside, int64_t planes, const T* dy, T* dx);
};

}  // namespace nncore
