/// Reorders between natural arrays and the layouts of kernels/conv/conv.hpp.
#pragma once

#include "kernels/conv/conv.hpp"

namespace nncore {

template <class T>
struct ConvLayoutKernels {
  /// (N, C, L) to blocked (N, blocks of C, L, b) with zeros in the lanes beyond C, and back; L = H * W.
  void (*to_blocked)(int64_t N, int64_t C, int64_t L, const T* x, T* y);
  void (*from_blocked)(int64_t N, int64_t C, int64_t L, const T* x, T* y);
  /// Weights (K, C, kh, kw) to packed ones, and back.
  void (*pack_weights)(const ConvShape& s, const T* w, T* packed);
  void (*unpack_weights)(const ConvShape& s, const T* packed, T* w);
  /// Packed weights for s.backward(): K and C exchanged, taps reversed. From some blocks of K, say after their update.
  void (*flip_weights)(const ConvShape& s, int64_t block0, int64_t block1, const T* w, T* flipped);
};

}  // namespace nncore
