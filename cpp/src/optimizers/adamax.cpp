#include <cmath>

#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class Adamax final : public Optimizer<T> {
 public:
  explicit Adamax(const Args& args)
      : Optimizer<T>(args),
        beta1_(args.get<std::vector<double>>("betas")[0]),
        beta2_(args.get<std::vector<double>>("betas")[1]),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")) {}

  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_inf"}; }

  void prepare(StepConstants& step) const override {
    step.corrected_rate = step.rate / (1.0 - std::pow(beta1_, static_cast<double>(step.t)));
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.adamax(n, {step.corrected_rate, beta1_, beta2_, eps_, weight_decay_}, w, g, state);
  }

 private:
  double beta1_, beta2_, eps_, weight_decay_;
};

const auto registered_Adamax =
    optimizer<Adamax>("Adamax")
        .summary("Adam with the largest gradient so far in place of the root of the squares.")
        .formula("g = dL/dw + weight_decay w\n"
                 "m = beta1 m + (1 - beta1) g          u = max(beta2 u, |g| + eps)\n"
                 "w = w - lr / (1 - beta1^t) m / u")
        .field("lr", 2e-3, rule::rate(), "step size, per update")
        .field("betas", std::vector<double>{0.9, 0.999}, rule::pair_in_range(0.0, 1.0),
               "decay of the average and of the largest")
        .field("eps", 1e-8, rule::non_negative(), "keeps the quotient finite")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .notes("State per parameter: exp_avg (m), exp_inf (u). The paper has no eps; it stands where PyTorch puts it.")
        .source("Kingma, Ba, Adam, 2015, algorithm 2")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.Adamax(lr=0.1), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.8, 0.9}}, {"weight_decay", 0.1}})
        .example({{"eps", 1e-2}});

}  // namespace
}  // namespace nncore
