#include <algorithm>

#include "lowering/reorder.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// (N, …) -> (N, D): the same numbers, another shape.
template <class T>
class Flatten final : public UnaryLayer<T> {
 public:
  explicit Flatten(const Args&) {}
  Shape build(const Shape& in) override {
    in_ = in;
    return {in.size()};
  }
  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    if (layout != Layout::channel_blocked) return nullptr;
    return std::make_unique<Reorder<T>>(layout, Layout::batch_major, in_);
  }
  void forward(View<const T> x, View<T> y, const Pass&) override { std::copy_n(x.data, x.size(), y.data); }
  void backward(View<const T> dy, View<T> dx) override {
    if (dx.data != nullptr) std::copy_n(dy.data, dy.size(), dx.data);
  }

 private:
  Shape in_;
};

const auto registered_Flatten =
    layer<Flatten>("Flatten")
        .summary("Lays all features of a sample in one row.")
        .formula("y[n] = x[n].ravel()")
        .shapes("(N, *) -> (N, D), D the product of *")
        .doctest(">>> nc.Flatten()(np.zeros((5, 1, 28, 28))).shape\n(5, 784)")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("same_numbers");

}  // namespace
}  // namespace nncore
