#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = x where x > 0, alpha (e^x - 1) elsewhere; dx = dy, or dy alpha e^x.
template <class T>
class ELU final : public ElementwiseLayer<T> {
 public:
  explicit ELU(const Args& args) : alpha_(args.get<T>("alpha")) {}

  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.elu;
    return {k.forward, k.backward, &alpha_, true};
  }

 private:
  T alpha_;
};

const auto registered_ELU =
    layer<ELU>("ELU")
        .summary("Exponential linear unit.")
        .formula("y = x for x > 0, alpha * (exp(x) - 1) for x <= 0")
        .field("alpha", 1.0, rule::number(), "-alpha is the limit for x -> -inf")
        .shapes("(N, *) -> (N, *)")
        .notes("The derivative at 0 is taken as alpha, the one from the left, as in PyTorch.")
        .source("Clevert, Unterthiner, Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear "
                "Units, 2015")
        .doctest(">>> nc.ELU()(np.array([[-1.0, 2.0]])).round(3)\narray([[-0.632,  2.   ]])")
        .example({}, {3})
        .example({{"alpha", 0.5}}, {2, 5, 7})
        .trait("activation", "elu");

}  // namespace
}  // namespace nncore
