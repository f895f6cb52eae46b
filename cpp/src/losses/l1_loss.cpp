#include <cmath>

#include "losses/elementwise.hpp"

namespace nncore {
namespace {

/// L = Σ |z - y| / n over all n elements; dz = sign(z - y) / n.
template <class T>
class L1Loss final : public ElementwiseLoss<T, L1Loss<T>> {
 public:
  explicit L1Loss(const Args& args) : ElementwiseLoss<T, L1Loss<T>>("[L1Loss]", args) {}

  double value(double d) const { return std::fabs(d); }
  double slope(double d) const { return sign(d); }
};

const auto registered_L1Loss =
    loss<L1Loss>("L1Loss")
        .summary("Mean absolute error over all elements.")
        .formula("L = sum |z - y| / n,  n the number of elements")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1) -> a number and dz (N, *)")
        .notes("The derivative at z = y is taken as 0.")
        .source("Boscovich, 1757; Laplace, 1793")
        .doctest(">>> nc.L1Loss()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))\n"
                 "(1.0, array([[0. , 0.5]]))")
        .example({}, {3})
        .example({{"reduction", "sum"}}, {2, 2});

}  // namespace
}  // namespace nncore
