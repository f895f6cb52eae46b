/// Products of a dense layer on feature-major arrays: (F, ld), a row of samples for each feature, so that the lanes of
/// a register are samples (oneDNN: cn). ld is a multiple of `lanes`; N <= ld too, and what pads the samples to N has
/// zero gradients. Weights w (C, K) in their natural order. Sums over samples run by lanes, then across lanes in a
/// fixed tree; the others in ascending order.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct FeatureMajorKernels {
  /// y[c, n] = bias[c] + sum_k w[c, k] x[k, n]; bias may be null (zeros).
  void (*forward)(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* w, const T* bias, T* y);
  /// dx[k, n] = sum_c w[c, k] dy[c, n].
  void (*input_gradient)(int64_t N, int64_t C, int64_t K, int64_t ld, const T* dy, const T* w, T* dx);
  /// dw[c, k] = sum_n dy[c, n] x[k, n], assigned.
  void (*weight_gradient)(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* dy, T* dw);
  /// db[c] = sum_n dy[c, n], assigned.
  void (*bias_gradient)(int64_t N, int64_t C, int64_t ld, const T* dy, T* db);

  /// Reorder (N, F) to (F, ld), with zeros up to the next multiple of `lanes`. Here N is any number.
  void (*to_feature_major)(int64_t N, int64_t F, const T* x, int64_t ld, T* y);
  /// And back: (F, ld) to (N, F).
  void (*to_batch_major)(int64_t N, int64_t F, const T* x, int64_t ld, T* y);
};

}  // namespace nncore
