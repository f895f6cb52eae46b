#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = x s with s = 1 / (1 + e^-x); dx = dy (s + x s (1 - s)).
template <class T>
class SiLU final : public ElementwiseLayer<T> {
 public:
  explicit SiLU(const Args&) {}

  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.silu;
    return {k.forward, k.backward, nullptr, true};
  }
};

const auto registered_SiLU =
    layer<SiLU>("SiLU")
        .summary("Sigmoid linear unit, also called swish.")
        .formula("y = x / (1 + exp(-x))")
        .shapes("(N, *) -> (N, *)")
        .source("Elfwing, Uchibe, Doya, Sigmoid-Weighted Linear Units for Neural Network Function "
                "Approximation in Reinforcement Learning, 2018")
        .doctest(">>> nc.SiLU()(np.array([[-1.0, 2.0]])).round(3)\narray([[-0.269,  1.762]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("activation", "silu");

}  // namespace
}  // namespace nncore
