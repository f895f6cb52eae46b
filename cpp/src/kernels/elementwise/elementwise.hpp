/// Elementwise functions: y = f(x) and dx = dy * f'(x).
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// `a` points at the function's constants; null where there are none.
template <class T>
using ElementwiseForward = void (*)(int64_t n, const T* a, const T* x, T* y);
/// `saved` is y, or x for the functions whose derivative takes x.
template <class T>
using ElementwiseBackward = void (*)(int64_t n, const T* a, const T* saved, const T* dy, T* dx);

template <class T>
struct ActivationKernels {
  ElementwiseForward<T> forward;
  ElementwiseBackward<T> backward;
};

template <class T>
struct ElementwiseKernels {
  // the derivative from the saved output y
  ActivationKernels<T> relu;
  ActivationKernels<T> leaky_relu;  ///< constants: slope
  ActivationKernels<T> tanh;
  ActivationKernels<T> sigmoid;
  // the derivative from x: it is not computable from y, or not accurately
  ActivationKernels<T> elu;       ///< constants: alpha
  ActivationKernels<T> softplus;  ///< constants: beta, threshold
  ActivationKernels<T> silu;
  ActivationKernels<T> gelu;
  ActivationKernels<T> gelu_tanh;

  ElementwiseForward<T> exp, log;  ///< <= 2 ulp, with the right values at 0, negative numbers, inf and NaN
};

}  // namespace nncore
