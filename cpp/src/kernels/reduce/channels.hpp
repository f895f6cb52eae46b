/// Sums and maps of arrays (N, C, L) channel by channel, for normalisation: samples are ldx apart, the L numbers of a
/// channel contiguous. Each channel is computed alone: cutting C into calls changes no bit. Sums are in double.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct ChannelKernels {
  /// sums[c] = sum over n, l of x; of (x - center[c])^2; of a (x - center[c]).
  void (*sums)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, double* sums);
  void (*squares)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const double* center, double* sums);
  void (*products)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* a, const T* x, const double* center,
                   double* sums);
  /// y = (x - center[c]) * scale[c] + shift[c]; y may be x.
  void (*affine)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const T* center, const T* scale,
                 const T* shift, T* y);
  /// dx = scale[c] * (dy - level[c] - slope[c] * (x - center[c])); dx may be dy.
  void (*gradient)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const T* dy, const T* center,
                   const T* scale, const T* slope, const T* level, T* dx);
};

}  // namespace nncore
