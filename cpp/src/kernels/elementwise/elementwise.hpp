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

// clang-format off
/// The activations with kernels: X(entry, functor in activations.hpp). The group's entries and the rows of its table are
/// both made from this list. relu to sigmoid take the derivative from the saved output y, the others from x: it is not
/// known from y, or not to all digits. Constants: leaky_relu slope; elu alpha; softplus beta, threshold.
#define NNCORE_ACTIVATION_KERNELS(X) \
  X(relu, Relu)                      \
  X(leaky_relu, LeakyRelu)           \
  X(tanh, Tanh)                      \
  X(sigmoid, Sigmoid)                \
  X(elu, Elu)                        \
  X(softplus, Softplus)              \
  X(silu, Silu)                      \
  X(gelu, Gelu)                      \
  X(gelu_tanh, GeluTanh)
// clang-format on

template <class T>
struct ElementwiseKernels {
#define NNCORE_ENTRY(name, functor) ActivationKernels<T> name;
  NNCORE_ACTIVATION_KERNELS(NNCORE_ENTRY)
#undef NNCORE_ENTRY
  ElementwiseForward<T> exp, log;  ///< <= 2 ulp, with the right values at 0, negative numbers, inf and NaN
};

}  // namespace nncore
