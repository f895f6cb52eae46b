#include "kernels/softmax/softmax.hpp"
#include "layers/activation/softmax.hpp"

namespace nncore {
namespace {

/// y_i = x_i - log Σ_j e^{x_j} over the last axis; dx = dy - e^y Σ_j dy_j.
template <class T>
class LogSoftmax final : public RowsOfLastAxis<T> {
 public:
  explicit LogSoftmax(const Args& args)
      : RowsOfLastAxis<T>(args, kernels<T>().softmax.log_forward, kernels<T>().softmax.log_backward) {}
};

const auto registered_LogSoftmax =
    layer<LogSoftmax>("LogSoftmax")
        .summary("Logarithm of the softmax over the last axis, without its overflow.")
        .formula("y_i = x_i - log(sum_j exp(x_j))")
        .field("dim", -1, rule::integer(-1, Shape::kMaxRank), "the axis, which has to be the last")
        .shapes("(N, *, C) -> (N, *, C)")
        .source("Bridle, 1990; computed with the maximum subtracted")
        .doctest(">>> nc.LogSoftmax()(np.zeros((1, 1)))\narray([[0.]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("function", "log_softmax")
        .trait("outputs", "log_probabilities")
        .trait("link", "softmax");

}  // namespace
}  // namespace nncore
