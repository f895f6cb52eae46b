#include "nncore/linalg.hpp"

#include <xtensor-blas/xblas.hpp>  // xlinalg.hpp takes twice as long to compile

#include "nncore/error.hpp"
#include "nncore/tensor.hpp"

namespace nncore {

template <class T>
void product(View<const T> A, View<const T> B, View<T> C) {
  if (A.shape.rank() != 2 || B.shape.rank() != 2 || A.shape[1] != B.shape[0] ||
      !(C.shape == Shape{A.shape[0], B.shape[1]})) {
    throw ShapeError(expected("[product]", "A, B", "(M, K), (K, N)", A.shape.str() + ", " + B.shape.str()));
  }
  if (C.size() == 0) return;
  auto result = as_matrix(C);
  if (A.shape[1] == 0) {
    result.fill(T(0));
    return;
  }
  xt::blas::gemm(as_matrix(A), as_matrix(B), result);
}

template void product(View<const float>, View<const float>, View<float>);
template void product(View<const double>, View<const double>, View<double>);

}  // namespace nncore
