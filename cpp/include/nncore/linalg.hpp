/// The one checked general product, through xtensor-blas. Training has kernels of its own.
#pragma once

#include "nncore/view.hpp"

namespace nncore {

/// C = A B for A (M, K), B (K, N), C (M, N), none overlapping C; throws ShapeError.
template <class T>
void product(View<const T> A, View<const T> B, View<T> C);

}  // namespace nncore
