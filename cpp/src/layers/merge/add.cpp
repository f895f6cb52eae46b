#include "layers/merge/sum.hpp"

namespace nncore {
namespace {

template <class T>
class Add final : public Sum<T> {
 public:
  explicit Add(const Args&) {}
};

const auto registered_Add =
    layer<Add>("Add")
        .summary("The sum of several inputs of one shape: joins branches of a Graph.")
        .formula("y = x0 + x1 + …")
        .shapes("(N, *), (N, *), … -> (N, *)")
        .notes("Called with one input or more: nc.Add()(a, b). The gradient of each input is dy.")
        .source("He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2016")
        .doctest(">>> nc.Add()(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))\narray([[4., 6.]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("merges");

}  // namespace
}  // namespace nncore
