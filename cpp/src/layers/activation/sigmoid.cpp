#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = 1 / (1 + e^-x); dx = dy y (1 - y).
template <class T>
class Sigmoid final : public ElementwiseLayer<T> {
 public:
  explicit Sigmoid(const Args&) {}
  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.sigmoid;
    return {k.forward, k.backward, nullptr};
  }
  Bounds saturation_bounds() const override { return {0.01, 0.99}; }
};

const auto registered_Sigmoid =
    layer<Sigmoid>("Sigmoid")
        .summary("Logistic function, to 2 units in the last place.")
        .formula("y = 1 / (1 + e^-x)")
        .shapes("(N, *) -> (N, *)")
        .source("Rumelhart, Hinton, Williams, 1986")
        .doctest(">>> nc.Sigmoid()(np.array([[0.0]]))\narray([[0.5]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("activation", "sigmoid")
        .trait("model_batch")
        .trait("outputs", "probabilities")
        .trait("link", "sigmoid");

}  // namespace
}  // namespace nncore
