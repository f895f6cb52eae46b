#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class Adagrad final : public Optimizer<T> {
 public:
  explicit Adagrad(const Args& args)
      : Optimizer<T>(args),
        lr_decay_(args.get<double>("lr_decay")),
        weight_decay_(args.get<double>("weight_decay")),
        start_(args.get<double>("initial_accumulator_value")),
        eps_(args.get<double>("eps")) {}

  std::vector<std::string> state_names() const override { return {"sum"}; }
  double initial_state() const override { return start_; }

  void prepare(StepConstants& step) const override {
    step.corrected_rate = step.rate / (1.0 + static_cast<double>(step.t - 1) * lr_decay_);
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.adagrad(n, {step.corrected_rate, eps_, weight_decay_}, w, g, state);
  }

 private:
  double lr_decay_, weight_decay_, start_, eps_;
};

const auto registered_Adagrad =
    optimizer<Adagrad>("Adagrad")
        .summary("Divides the gradient by the root of the sum of all its squares so far.")
        .formula("g = dL/dw + weight_decay w          s = s + g^2\n"
                 "w = w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)")
        .field("lr", 1e-2, rule::rate(), "step size, per update")
        .field("lr_decay", 0.0, rule::non_negative(), "how fast the step size falls with the step count t")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .field("initial_accumulator_value", 0.0, rule::non_negative(), "what s starts from")
        .field("eps", 1e-10, rule::non_negative(), "keeps the quotient finite")
        .notes("State per parameter: sum (s).")
        .source("Duchi, Hazan, Singer, Adaptive Subgradient Methods, 2011")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.Adagrad(lr=0.5), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr_decay", 0.1}, {"weight_decay", 0.1}})
        .example({{"initial_accumulator_value", 0.5}, {"eps", 1e-3}});

}  // namespace
}  // namespace nncore
