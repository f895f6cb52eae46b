#include <cmath>

#include "losses/elementwise.hpp"

namespace nncore {
namespace {

/// With d = z - y: d² / 2 where |d| <= delta, else delta (|d| - delta / 2); its derivative is d, else delta sign(d).
template <class T>
class HuberLoss final : public ElementwiseLoss<T, HuberLoss<T>> {
 public:
  explicit HuberLoss(const Args& args)
      : ElementwiseLoss<T, HuberLoss<T>>("[HuberLoss]", args), delta_(args.get<double>("delta")) {}

  double value(double d) const {
    const double size = std::fabs(d);
    return size <= delta_ ? 0.5 * d * d : delta_ * (size - 0.5 * delta_);
  }
  double slope(double d) const { return std::fabs(d) <= delta_ ? d : delta_ * sign(d); }

 private:
  double delta_;
};

const auto registered_HuberLoss =
    loss<HuberLoss>("HuberLoss")
        .summary("Squared error near the target, absolute error far from it.")
        .formula("L = sum l(z - y) / n,  n the number of elements\n"
                 "l(d) = d^2 / 2 where |d| <= delta,  delta (|d| - delta / 2) elsewhere")
        .field("delta", 1.0, rule::positive(), "where the one becomes the other")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1) -> a number and dz (N, *)")
        .source("Huber, Robust Estimation of a Location Parameter, 1964")
        .doctest(">>> nc.HuberLoss(delta=2.0)(np.array([[1.0, 4.0]]), np.array([[0.0, 0.0]]))\n"
                 "(3.25, array([[0.5, 1. ]]))")
        .example({}, {3})
        .example({{"delta", 0.3}}, {2, 2})
        .example({{"delta", 2.0}, {"reduction", "sum"}}, {3});

}  // namespace
}  // namespace nncore
