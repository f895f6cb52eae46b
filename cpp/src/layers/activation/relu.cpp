#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = max(x, 0); dx = dy where y > 0, 0 elsewhere.
template <class T>
class ReLU final : public ElementwiseLayer<T> {
 public:
  explicit ReLU(const Args&) {}
  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.relu;
    return {k.forward, k.backward, nullptr};
  }
};

const auto registered_ReLU =
    layer<ReLU>("ReLU")
        .summary("Rectified linear unit.")
        .formula("y = max(x, 0)")
        .shapes("(N, *) -> (N, *)")
        .notes("The derivative at 0 is taken as 0.")
        .source("Nair, Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, 2010")
        .doctest(">>> nc.ReLU()(np.array([[-1.0, 2.0]]))\narray([[0., 2.]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("activation", "relu")
        .trait("model_batch");

}  // namespace
}  // namespace nncore
