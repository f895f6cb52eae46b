#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = log(1 + e^(beta x)) / beta; dx = dy / (1 + e^(-beta x)).
template <class T>
class Softplus final : public ElementwiseLayer<T> {
 public:
  explicit Softplus(const Args& args) : constants_{args.get<T>("beta"), args.get<T>("threshold")} {}

  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.softplus;
    return {k.forward, k.backward, constants_, true};
  }

 private:
  T constants_[2];
};

const auto registered_Softplus =
    layer<Softplus>("Softplus")
        .summary("A smooth max(x, 0).")
        .formula("y = log(1 + exp(beta * x)) / beta for beta * x <= threshold, x beyond")
        .field("beta", 1.0, rule::positive(), "the larger, the closer to max(x, 0)")
        .field("threshold", 20.0, rule::number(), "y = x where beta * x is larger")
        .shapes("(N, *) -> (N, *)")
        .source("Dugas, Bengio, Belisle, Nadeau, Garcia, Incorporating Second-Order Functional "
                "Knowledge for Better Option Pricing, 2000")
        .doctest(">>> nc.Softplus()(np.array([[0.0, 30.0]])).round(3)\narray([[ 0.693, 30.   ]])")
        .example({}, {3})
        .example({{"beta", 2.0}, {"threshold", 3.0}}, {2, 5, 7})
        .trait("activation", "softplus");

}  // namespace
}  // namespace nncore
