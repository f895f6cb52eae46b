#include <string>

#include "kernels/table.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y_i = e^{x_i} / Σ_j e^{x_j} over the last axis; dx = y (dy - Σ_j dy_j y_j).
template <class T>
class Softmax final : public Layer<T> {
 public:
  explicit Softmax(const Args& args) : dim_(args.get<int64_t>("dim")) {}

  Shape build(const Shape& in) override {
    if (in.rank() < 1 || in.back() < 1) this->shape_error("(N, *, C) with C >= 1", in);
    if (dim_ != -1 && dim_ != in.rank()) {
      this->shape_error("an array whose last axis is " + std::to_string(dim_), in, "only the last axis, dim=-1, is supported");
    }
    return in;
  }
  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    const int64_t C = x.shape.back();
    kernels<T>().softmax(x.size() / C, C, x.data, y.data);
    if (pass.training) y_ = y;
  }
  void backward(View<const T> dy, View<T> dx) override {
    const int64_t C = dy.shape.back();
    if (dx.data != nullptr) kernels<T>().softmax_backward(dy.size() / C, C, y_.data, dy.data, dx.data);
  }

 private:
  int64_t dim_;
  View<const T> y_;
};

const auto registered =
    layer<Softmax>("Softmax")
        .summary("Softmax over the last axis: positive numbers that add up to 1.")
        .formula("y_i = exp(x_i) / sum_j exp(x_j)")
        .field("dim", int64_t{-1}, rule::integer(-1, Shape::kMaxRank), "the axis, which has to be the last")
        .shapes("(N, *, C) -> (N, *, C)")
        .source("Bridle, Probabilistic Interpretation of Feedforward Classification Network Outputs, 1990")
        .doctest(">>> nc.Softmax()(np.zeros((1, 4)))\narray([[0.25, 0.25, 0.25, 0.25]])")
        .example({}, {3})
        .example({}, {2, 5, 7});

}  // namespace
}  // namespace nncore
