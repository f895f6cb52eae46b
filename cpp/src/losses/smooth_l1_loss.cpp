#include <cmath>

#include "losses/elementwise.hpp"

namespace nncore {
namespace {

/// With d = z - y: d² / (2 beta) where |d| < beta, else |d| - beta / 2; its derivative is d / beta, else sign(d).
template <class T>
class SmoothL1Loss final : public ElementwiseLoss<T, SmoothL1Loss<T>> {
 public:
  explicit SmoothL1Loss(const Args& args)
      : ElementwiseLoss<T, SmoothL1Loss<T>>("[SmoothL1Loss]", args), beta_(args.get<double>("beta")) {}

  double value(double d) const {
    const double size = std::fabs(d);
    return size < beta_ ? 0.5 * d * d / beta_ : size - 0.5 * beta_;
  }
  double slope(double d) const { return std::fabs(d) < beta_ ? d / beta_ : sign(d); }

 private:
  double beta_;
};

const auto registered_SmoothL1Loss =
    loss<SmoothL1Loss>("SmoothL1Loss")
        .summary("Absolute error with a round bottom of slope 1 at its rim.")
        .formula("L = sum l(z - y) / n,  n the number of elements\n"
                 "l(d) = d^2 / (2 beta) where |d| < beta,  |d| - beta / 2 elsewhere")
        .field("beta", 1.0, rule::non_negative(), "where the bottom ends; 0 gives L1Loss")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1) -> a number and dz (N, *)")
        .notes("HuberLoss with delta = beta, divided by beta.")
        .source("Girshick, Fast R-CNN, 2015, equation 3")
        .doctest(">>> nc.SmoothL1Loss()(np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]]))\n"
                 "(1.3125, array([[0.25, 0.5 ]]))")
        .example({}, {3})
        .example({{"beta", 0.3}}, {2, 2})
        .example({{"beta", 0.0}, {"reduction", "sum"}}, {3});

}  // namespace
}  // namespace nncore
