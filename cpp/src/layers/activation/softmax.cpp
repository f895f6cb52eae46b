#include "kernels/softmax/softmax.hpp"
#include "layers/activation/softmax.hpp"

namespace nncore {
namespace {

/// y_i = e^{x_i} / Σ_j e^{x_j} over the last axis; dx = y (dy - Σ_j dy_j y_j).
template <class T>
class Softmax final : public RowsOfLastAxis<T> {
 public:
  explicit Softmax(const Args& args)
      : RowsOfLastAxis<T>(args, kernels<T>().softmax.forward, kernels<T>().softmax.backward) {}
};

const auto registered_Softmax =
    layer<Softmax>("Softmax")
        .summary("Softmax over the last axis: positive numbers that add up to 1.")
        .formula("y_i = exp(x_i) / sum_j exp(x_j)")
        .field("dim", -1, rule::integer(-1, Shape::kMaxRank), "the axis, which has to be the last")
        .shapes("(N, *, C) -> (N, *, C)")
        .source("Bridle, Probabilistic Interpretation of Feedforward Classification Network Outputs, 1990")
        .doctest(">>> nc.Softmax()(np.zeros((1, 4)))\narray([[0.25, 0.25, 0.25, 0.25]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("function", "softmax")
        .trait("outputs", "probabilities")
        .trait("link", "softmax");

}  // namespace
}  // namespace nncore
