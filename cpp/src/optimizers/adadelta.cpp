#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class Adadelta final : public Optimizer<T> {
 public:
  explicit Adadelta(const Args& args)
      : Optimizer<T>(args),
        rho_(args.get<double>("rho")),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")) {}

  std::vector<std::string> state_names() const override { return {"square_avg", "acc_delta"}; }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.adadelta(n, {step.rate, rho_, eps_, weight_decay_}, w, g, state);
  }

 private:
  double rho_, eps_, weight_decay_;
};

const auto registered_Adadelta =
    optimizer<Adadelta>("Adadelta")
        .summary("Steps of the size of earlier steps, relative to the size of earlier gradients.")
        .formula("g = dL/dw + weight_decay w          v = rho v + (1 - rho) g^2\n"
                 "d = sqrt(u + eps) / sqrt(v + eps) g\n"
                 "u = rho u + (1 - rho) d^2\n"
                 "w = w - lr d")
        .field("lr", 1.0, rule::rate(), "factor on the step")
        .field("rho", 0.9, rule::in_closed(0.0, 1.0), "decay of the two averages")
        .field("eps", 1e-6, rule::non_negative(), "keeps the quotient finite, and the first steps above 0")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .notes("State per parameter: square_avg (v), acc_delta (u). Both eps stand under the roots.")
        .source("Zeiler, ADADELTA, 2012, algorithm 1; lr is PyTorch's addition")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.Adadelta(), 2000).fun < 1e-3\nTrue")
        .example({})
        .example({{"lr", 0.5}, {"rho", 0.8}, {"weight_decay", 0.1}})
        .example({{"eps", 1e-2}});

}  // namespace
}  // namespace nncore
