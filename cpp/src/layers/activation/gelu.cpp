#include <string>

#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = x P(X <= x) for a normal X, dx = dy (P(X <= x) + x e^(-x²/2) / sqrt(2π)); or the formula with tanh.
template <class T>
class GELU final : public ElementwiseLayer<T> {
 public:
  explicit GELU(const Args& args) : with_tanh_(args.get<std::string>("approximate") == "tanh") {}

  Elementwise<T> function() const override {
    const auto& k = with_tanh_ ? kernels<T>().elementwise.gelu_tanh : kernels<T>().elementwise.gelu;
    return {k.forward, k.backward, nullptr, true};
  }

 private:
  bool with_tanh_;
};

const auto registered_GELU =
    layer<GELU>("GELU")
        .summary("Gaussian error linear unit.")
        .formula("y = x * (1 + erf(x / sqrt(2))) / 2\n"
                 "y = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2 with approximate=\"tanh\"")
        .field("approximate", "none", rule::one_of({"none", "tanh"}), "the first formula or the second")
        .shapes("(N, *) -> (N, *)")
        .source("Hendrycks, Gimpel, Gaussian Error Linear Units, 2016")
        .doctest(">>> nc.GELU()(np.array([[-1.0, 2.0]])).round(3)\narray([[-0.159,  1.954]])")
        .example({}, {3})
        .example({{"approximate", "tanh"}}, {2, 5, 7})
        .trait("activation", "gelu");

}  // namespace
}  // namespace nncore
