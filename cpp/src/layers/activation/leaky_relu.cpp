#include "kernels/elementwise/elementwise.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = x where x > 0, slope·x elsewhere; y has the sign of x, so the derivative can be read from it.
template <class T>
class LeakyReLU final : public ElementwiseLayer<T> {
 public:
  explicit LeakyReLU(const Args& args) : slope_(args.get<T>("negative_slope")) {}
  Elementwise<T> function() const override {
    const auto& k = kernels<T>().elementwise.leaky_relu;
    return {k.forward, k.backward, &slope_};
  }

 private:
  T slope_;
};

const auto registered_LeakyReLU =
    layer<LeakyReLU>("LeakyReLU")
        .summary("Leaky rectified linear unit.")
        .formula("y = max(x, 0) + negative_slope * min(x, 0)")
        .field("negative_slope", 0.01, rule::in_range(0.0, 1.0), "slope for x < 0")
        .trait("model_batch")
        .shapes("(N, *) -> (N, *)")
        .source("Maas, Hannun, Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013")
        .doctest(">>> nc.LeakyReLU(0.1)(np.array([[-2.0, 3.0]]))\narray([[-0.2,  3. ]])")
        .example({}, {3})
        .example({{"negative_slope", 0.2}}, {2, 5, 7})
        .trait("activation", "leaky_relu");

}  // namespace
}  // namespace nncore
