#include "nncore/layer.hpp"
#include "nncore/rng.hpp"

namespace nncore {
namespace {

/// y = x / (1 - p) with probability 1 - p, else 0. Element i of the batch is kept or dropped by word i of the
/// stream of (seed, layer, epoch, step), so backward draws the mask again instead of keeping it.
template <class T>
class Dropout final : public Layer<T> {
 public:
  explicit Dropout(const Args& args) : p_(args.get<double>("p")) {}

  Shape build(const Shape& in) override { return in; }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    pass_ = pass;
    mask(x, y);
  }
  // dx = dy · mask / (1 - p)
  void backward(View<const T> dy, View<T> dx) override {
    if (dx.data != nullptr) mask(dy, dx);
  }

 private:
  void mask(View<const T> from, View<T> to) const {
    const int64_t n = from.size();
    if (!pass_.training || p_ == 0.0) {
      for (int64_t i = 0; i < n; ++i) to.data[i] = from.data[i];
      return;
    }
    const Stream stream(pass_.seed, "dropout " + this->name(), pass_.epoch, pass_.step);
    const auto threshold = static_cast<uint64_t>(p_ * 0x1p32);
    const T scale = p_ < 1.0 ? static_cast<T>(1.0 / (1.0 - p_)) : T(0);
    for (int64_t i = 0; i < n; i += 4) {
      const auto words = stream.block(static_cast<uint64_t>(i) / 4);
      for (int64_t j = i; j < n && j < i + 4; ++j) {
        const bool keep = words[static_cast<std::size_t>(j - i)] >= threshold;
        to.data[j] = keep ? from.data[j] * scale : T(0);
      }
    }
  }

  double p_;
  Pass pass_;
};

const auto registered =
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
        .trait("stochastic");

}  // namespace
}  // namespace nncore
