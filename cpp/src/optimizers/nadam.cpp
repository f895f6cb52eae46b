#include <cmath>

#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class NAdam final : public Optimizer<T> {
 public:
  explicit NAdam(const Args& args)
      : Optimizer<T>(args),
        beta1_(args.get<std::vector<double>>("betas")[0]),
        beta2_(args.get<std::vector<double>>("betas")[1]),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")),
        log_q_(std::log(0.96) * args.get<double>("momentum_decay")),
        decoupled_(args.get<bool>("decoupled_weight_decay")) {}

  std::vector<std::string> state_names() const override { return {"exp_avg", "exp_avg_sq"}; }

  void prepare(StepConstants& step) const override {
    const auto t = static_cast<double>(step.t);
    const double product = mu_product(t), next = mu(t + 1);
    step.correction2 = 1.0 - std::pow(beta2_, t);
    step.corrected_rate = step.rate * (1.0 - mu(t)) / (1.0 - product);
    step.second_rate = step.rate * next / (1.0 - product * next);
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.nadam(n,
                              {step.corrected_rate, step.second_rate, beta1_, beta2_, eps_,
                               decoupled_ ? 0.0 : weight_decay_,
                               decoupled_ ? 1.0 - step.rate * weight_decay_ : 1.0, step.correction2},
                              w, g, state);
  }

 private:
  /// mu_t = beta1 (1 - q^t / 2) with q = 0.96^momentum_decay.
  double mu(double t) const { return beta1_ * (1.0 - 0.5 * std::exp(log_q_ * t)); }

  /// mu_1 mu_2 … mu_t, from t alone, so that it is no state. With the series of log(1 - x) and geometric sums over i,
  ///     log Π (1 - q^i / 2) = -Σ_k 2^-k / k · q^k (1 - q^(k t)) / (1 - q^k).
  /// 1 - q^(k+1) = (1 - q^k) + q^k (1 - q) keeps the small differences exact.
  double mu_product(double t) const {
    if (beta1_ == 0.0 || t * std::log(beta1_) < -45.0) return 0.0;  // 1 - e^-45 = 1
    const double rest_q = -std::expm1(log_q_), rest_qt = -std::expm1(log_q_ * t);
    double rest_k = rest_q, rest_kt = rest_qt, half = 0.5, sum = 0.0;
    for (int k = 1; k <= 60; ++k, half *= 0.5) {
      const double terms = rest_k > 0 ? rest_kt / rest_k : t;  // q = 1: t equal terms
      sum += half / k * (1.0 - rest_k) * terms;
      rest_k += (1.0 - rest_k) * rest_q;
      rest_kt += (1.0 - rest_kt) * rest_qt;
    }
    return std::exp(t * std::log(beta1_) - sum);
  }

  double beta1_, beta2_, eps_, weight_decay_, log_q_;
  bool decoupled_;
};

const auto registered_NAdam =
    optimizer<NAdam>("NAdam")
        .summary("Adam with Nesterov's look ahead.")
        .formula("m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2\n"
                 "mu_t = beta1 (1 - 0.5 0.96^(t momentum_decay))          p_t = mu_1 mu_2 ... mu_t\n"
                 "w = w - lr ((1 - mu_t) / (1 - p_t) g + mu_{t+1} / (1 - p_{t+1}) m) / (sqrt(v / (1 - beta2^t)) + eps)")
        .field("lr", 2e-3, rule::rate(), "step size, per update")
        .field("betas", std::vector<double>{0.9, 0.999}, rule::pair_in_range(0.0, 1.0), "decay of the two averages")
        .field("eps", 1e-8, rule::non_negative(), "keeps the quotient finite")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .field("momentum_decay", 4e-3, rule::non_negative(), "how fast mu grows to beta1")
        .field("decoupled_weight_decay", false, rule::boolean(), "shrink the weights by themselves, as AdamW does")
        .notes("State per parameter: exp_avg (m), exp_avg_sq (v). PyTorch keeps p as mu_product, in float32 unless its "
               "default type is float64; here it follows from t.")
        .source("Dozat, Incorporating Nesterov Momentum into Adam, 2016")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.NAdam(lr=0.1), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.8, 0.99}}, {"weight_decay", 0.1}})
        .example({{"momentum_decay", 0.0}, {"eps", 1e-3}})
        .example({{"momentum_decay", 1.0}, {"weight_decay", 0.1}, {"decoupled_weight_decay", true}});

}  // namespace
}  // namespace nncore
