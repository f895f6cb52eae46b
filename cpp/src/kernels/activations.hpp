/// The activation functions of one vector: y = f(x) and dx = dy f'(x), f' from the saved output y. One place for the
/// elementwise kernels and for every kernel that ends in an activation, so fused and unfused paths agree to the bit.
#pragma once

#include "kernels/math.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// max(x, 0). NaN stays NaN in y, and lets dy through, as in PyTorch.
template <class T>
struct Relu {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return max(Vec<T>::zero(), x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return select(y <= Vec<T>::zero(), Vec<T>::zero(), dy); }
};

/// x where x > 0, slope x elsewhere; slope >= 0, so that y > 0 tells x > 0.
template <class T>
struct LeakyRelu {
  Vec<T> slope;
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return select(x > Vec<T>::zero(), x, slope * x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return select(y > Vec<T>::zero(), dy, slope * dy); }
};

template <class T>
struct Tanh {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return tanh(x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return dy * fnma(y, y, Vec<T>::all(T(1))); }
};

template <class T>
struct Sigmoid {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return sigmoid(x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return dy * y * (Vec<T>::all(T(1)) - y); }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
