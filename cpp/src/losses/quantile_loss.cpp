#include "losses/elementwise.hpp"

namespace nncore {
namespace {

/// With d = z - y: (1 - q) d where the output is too large, -q d where it is too small; its derivative 1 - q, else -q.
template <class T>
class QuantileLoss final : public ElementwiseLoss<T, QuantileLoss<T>> {
 public:
  explicit QuantileLoss(const Args& args)
      : ElementwiseLoss<T, QuantileLoss<T>>("[QuantileLoss]", args), q_(args.get<double>("q")) {}

  double value(double d) const { return d > 0 ? (1 - q_) * d : -q_ * d; }
  double slope(double d) const { return d > 0 ? 1 - q_ : d < 0 ? -q_ : d; }  // NaN stays NaN

 private:
  double q_;
};

const auto registered_QuantileLoss =
    loss<QuantileLoss>("QuantileLoss")
        .summary("The loss that a quantile of the target minimises, also called pinball loss.")
        .formula("L = sum l(z - y) / n,  n the number of elements\n"
                 "l(d) = (1 - q) d where d > 0,  -q d elsewhere")
        .field("q", 0.5, rule::in_closed(0.0, 1.0), "the quantile: this share of targets lies below its outputs")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1) -> a number and dz (N, *)")
        .notes("q = 0.5 is the median, and half of L1Loss. The derivative at z = y is taken as 0. An interval that "
               "holds 80 % of the targets takes two nets, with q = 0.1 and q = 0.9.")
        .source("Koenker, Bassett, Regression Quantiles, 1978")
        .doctest(">>> nc.QuantileLoss(q=0.75)(np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]]))\n"
                 "(1.0, array([[-0.375,  0.125]]))")
        .example({}, {3})
        .example({{"q", 0.9}}, {1})
        .example({{"q", 0.2}, {"reduction", "sum"}}, {2, 2});

}  // namespace
}  // namespace nncore
