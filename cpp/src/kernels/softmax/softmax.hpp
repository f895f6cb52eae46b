/// Softmax, log-softmax and cross-entropy over rows of C contiguous elements.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
using SoftmaxForward = void (*)(int64_t rows, int64_t C, const T* z, T* y);
template <class T>
using SoftmaxBackward = void (*)(int64_t rows, int64_t C, const T* y, const T* dy, T* dz);

template <class T>
struct SoftmaxKernels {
  SoftmaxForward<T> forward, log_forward;
  SoftmaxBackward<T> backward, log_backward;
  /// Sum over the rows of -log softmax(z)[label], in double; dz (unless null) = scale * (softmax(z) - onehot(label)).
  double (*cross_entropy)(int64_t rows, int64_t C, const T* z, const int64_t* labels, T scale, T* dz);
  /// values[row] = -log softmax(z)[label].
  void (*cross_entropy_values)(int64_t rows, int64_t C, const T* z, const int64_t* labels, double* values);
};

}  // namespace nncore
