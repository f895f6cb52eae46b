#include <cmath>

#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class RAdam final : public Optimizer<T> {
 public:
  explicit RAdam(const Args& args)
      : Optimizer<T>(args),
        beta1_(args.get<std::vector<double>>("betas")[0]),
        beta2_(args.get<std::vector<double>>("betas")[1]),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")),
        decoupled_(args.get<bool>("decoupled_weight_decay")) {}

  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq"}; }

  /// The rectified step needs an approximated SMA of length > 5; until then second_rate is 0 and the step has no
  /// denominator.
  void prepare(StepConstants& step) const override {
    const auto t = static_cast<double>(step.t);
    const double power = std::pow(beta2_, t);
    const double longest = 2.0 / (1.0 - beta2_) - 1.0;
    const double length = longest - 2.0 * t * power / (1.0 - power);
    step.corrected_rate = step.rate / (1.0 - std::pow(beta1_, t));
    if (!(length > 5.0)) return;
    const double r2 = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
    step.second_rate = step.corrected_rate * std::sqrt(1.0 - power) * std::sqrt(r2);
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    const bool rectified = step.second_rate > 0;
    kernels<T>().update.radam(n,
                              {rectified ? step.second_rate : step.corrected_rate, beta1_, beta2_, eps_,
                               decoupled_ ? 0.0 : weight_decay_, decoupled_ ? 1.0 - step.rate * weight_decay_ : 1.0,
                               rectified},
                              w, g, state);
  }

 private:
  double beta1_, beta2_, eps_, weight_decay_;
  bool decoupled_;
};

const auto registered_RAdam =
    optimizer<RAdam>("RAdam")
        .summary("Adam that begins as momentum, until its average of squares is worth dividing by.")
        .formula("m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2\n"
                 "rho = 2 / (1 - beta2) - 1             rho_t = rho - 2 t beta2^t / (1 - beta2^t)\n"
                 "r = sqrt((rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t))\n"
                 "rho_t > 5:  w = w - lr r (m / (1 - beta1^t)) sqrt(1 - beta2^t) / (sqrt(v) + eps)\n"
                 "otherwise:  w = w - lr m / (1 - beta1^t)")
        .field("lr", 1e-3, rule::rate(), "step size, per update")
        .field("betas", std::vector<double>{0.9, 0.999}, rule::pair_in_range(0.0, 1.0), "decay of the two averages")
        .field("eps", 1e-8, rule::non_negative(), "keeps the quotient finite")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .field("decoupled_weight_decay", false, rule::boolean(), "shrink the weights by themselves, as AdamW does")
        .notes("State per parameter: exp_avg (m), exp_avg_sq (v). eps stands where PyTorch puts it, beside the root of "
               "the uncorrected v.")
        .source("Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020, algorithm 2")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.RAdam(lr=0.1), 1000).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.8, 0.9}}, {"weight_decay", 0.1}})
        .example({{"betas", std::vector<double>{0.9, 0.5}}})
        .example({{"eps", 1e-3}, {"weight_decay", 0.1}, {"decoupled_weight_decay", true}});

}  // namespace
}  // namespace nncore
