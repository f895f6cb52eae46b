#include "lowering/dropout_mask.hpp"

namespace nncore {
namespace {

template <class T>
class Dropout final : public UnaryLayer<T> {
 public:
  explicit Dropout(const Args& args) : spec_{args.get<double>("p"), ""} {}

  Shape build(const Shape& in) override {
    spec_.stream = "dropout " + this->name();
    return in;
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    mask_ = DropoutMask<T>(spec_, pass);
    mask_.apply(0, x.size(), x.data, y.data);
  }
  // dx = dy · mask / (1 - p)
  void backward(View<const T> dy, View<T> dx) override {
    if (dx.data != nullptr) mask_.apply(0, dy.size(), dy.data, dx.data);
  }

  Fusable<T> fusable(PropagationKind) override { return &spec_; }

 private:
  DropoutSpec spec_;
  DropoutMask<T> mask_;
};

const auto registered_Dropout =
    layer<Dropout>("Dropout")
        .summary("Drops each element with probability p in training; passes everything on in inference.")
        .formula("y = x * mask / (1 - p),  mask ~ Bernoulli(1 - p)")
        .field("p", 0.5, rule::in_closed(0.0, 1.0), "fraction dropped")
        .shapes("(N, *) -> (N, *)")
        .notes("The scaling (\"inverted dropout\") keeps the expected value, so inference needs none. The mask depends "
               "on the seed, the layer's name, the epoch, the step and the element's index alone.")
        .source("Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, Dropout, 2014")
        .doctest(">>> nc.Dropout(0.5)(np.ones((1, 3)))\narray([[1., 1., 1.]])")
        .example({}, {3})
        .example({{"p", 0.1}}, {2, 5, 7})
        .trait("stochastic")
        .trait("same_in_inference");

}  // namespace
}  // namespace nncore
