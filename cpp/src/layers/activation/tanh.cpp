#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = tanh x; dx = dy (1 - y²).
template <class T>
class Tanh final : public ElementwiseLayer<T> {
 public:
  explicit Tanh(const Args&) {}
  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.tanh;
    return {k.forward, k.backward, nullptr};
  }
  Bounds saturation_bounds() const override { return {-0.99, 0.99}; }
};

const auto registered_Tanh =
    layer<Tanh>("Tanh")
        .summary("Hyperbolic tangent, to 2 units in the last place.")
        .formula("y = (e^x - e^-x) / (e^x + e^-x)")
        .shapes("(N, *) -> (N, *)")
        .source("LeCun, Bottou, Orr, Müller, Efficient BackProp, 1998")
        .doctest(">>> nc.Tanh()(np.array([[0.0]]))\narray([[0.]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("activation", "tanh")
        .trait("model_batch");

}  // namespace
}  // namespace nncore
