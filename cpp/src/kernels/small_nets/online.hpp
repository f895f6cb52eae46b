/// The online executor: dense layers that learn from one sample after the other, many steps a call.
#pragma once

#include "kernels/elementwise/elementwise.hpp"

namespace nncore {

/// y = f(W x + b). With OnlineRun::rates rows of W and b are padded to whole registers with zeros,
/// without they follow one another.
template <class T>
struct OnlineLayer {
  int64_t K, C;           ///< inputs, outputs
  bool outputs_in_lanes;  ///< W^T of shape (K, C), else W of shape (C, K): the lanes run along rows
  T *w, *b;               ///< b may be null
  T *dw, *db;             ///< the gradients, where `update` is a callback
  ElementwiseForward<T> forward;  ///< f and its derivative from y, or from z; null: the identity
  ElementwiseBackward<T> backward;
  const T* a;
  bool from_z;
  bool relu;              ///< f is relu, which is computed with the product instead
  T *z, *y, *dy;          ///< W x + b, f of it, its gradient: whole registers; z and y are one unless from_z
};

template <class T>
struct OnlineRun {
  const OnlineLayer<T>* layers;
  int64_t n_layers;
  const T* x;             ///< one sample a step
  T* outputs;             ///< one row a step

  /// The loss: softmax and cross-entropy with these labels; if null, the `loss` callback, which sets dz.
  const int64_t* labels;
  void (*loss)(void* context, int64_t step, const T* z, T* dz);
  /// The update: w -= rates[step] g, rows padded; if null, the `update` callback, rows not padded; it returns
  /// whether the gradients were finite.
  const T* rates;
  bool (*update)(void* context, int64_t step);
  void* context;
};

template <class T>
struct OnlineKernels {
  /// One step for each of `steps` samples. Returns the number of steps before a gradient that was not finite; with
  /// rates, where all steps are tested together at the end, -1 for any such gradient.
  int64_t (*run)(const OnlineRun<T>& run, int64_t steps);
};

}  // namespace nncore
