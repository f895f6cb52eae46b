#include <cmath>

#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"
#include "objectives/update_rule.hpp"

namespace nncore {
namespace {

/// 1 - beta^t; exactly 1, without std::pow, once beta^t < 2^-55.
class Correction {
 public:
  explicit Correction(double beta) : beta_(beta), log2_(std::log2(beta)) {}
  double at(int64_t t) const {
    const double power = static_cast<double>(t);
    return power * log2_ < -55.0 ? 1.0 : 1.0 - std::pow(beta_, power);
  }

 private:
  double beta_, log2_;
};

/// Adam, and with `decoupled` AdamW: weight decay does not pass through the moments.
template <class T, bool decoupled>
class AnyAdam : public Optimizer<T> {
 public:
  explicit AnyAdam(const Args& args)
      : Optimizer<T>(args),
        beta1_(args.get<std::vector<double>>("betas")[0]),
        beta2_(args.get<std::vector<double>>("betas")[1]),
        first_(beta1_),
        second_(beta2_),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")),
        amsgrad_(args.get<bool>("amsgrad")),
        eps_inside_sqrt_(args.get<bool>("eps_inside_sqrt")),
        bias_correction_(args.get<bool>("bias_correction")),
        eps_hat_(args.get<bool>("eps_hat")) {}

  std::vector<std::string> state_names() const override {
    return amsgrad_ ? std::vector<std::string>{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
                    : std::vector<std::string>{"exp_avg", "exp_avg_sq"};
  }

  void prepare(StepConstants& step) const override {
    if (!bias_correction_) return;
    step.correction1 = first_.at(step.t);
    step.correction2 = second_.at(step.t);
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.adam(n, constants(step), w, g, state);
  }

  void update_model_batch(const Optimizer<T>* const* lanes, const StepConstants* steps, int64_t n, T* w, const T* g,
                          T* const* state) const override {
    batch_steps_.clear();
    const AnyAdam* before = nullptr;
    for (int64_t l = 0; l < kernels<T>().lanes; ++l) {
      const auto* own = static_cast<const AnyAdam*>(lanes[l]);
      StepConstants step = steps[l];
      if (before != nullptr && before->corrects_as(*own)) {  // std::pow costs more than the update of a small net
        step.correction1 = batch_steps_.back().correction1, step.correction2 = batch_steps_.back().correction2;
      } else {
        own->prepare(step);
      }
      batch_steps_.push_back(own->constants(step));
      before = own;
    }
    kernels<T>().update.adam_model_batch(n, batch_steps_.data(), w, g, state);
  }
  std::vector<std::string> per_model_arguments() const override {
    return {"lr", "betas", "eps", "weight_decay", "bias_correction", "eps_hat"};
  }

  UpdateRule update_rule() const override {
    using Kind = UpdateRule::Kind;
    if (weight_decay_ != 0.0 || amsgrad_ || eps_hat_) return {};
    const Kind kind = eps_inside_sqrt_ ? Kind::adam_eps_inside : Kind::adam;
    return {.kind = kind, .beta1 = beta1_, .beta2 = beta2_, .eps = eps_};
  }

 private:
  AdamStep constants(const StepConstants& step) const {
    const double decay = decoupled ? 0.0 : weight_decay_;
    const double shrink = decoupled ? 1.0 - step.rate * weight_decay_ : 1.0;
    const double eps = !eps_hat_ ? eps_ : eps_inside_sqrt_ ? eps_ / step.correction2 : eps_ / std::sqrt(step.correction2);
    return {step.rate, beta1_, beta2_, eps, decay, shrink, step.correction1, step.correction2, eps_inside_sqrt_};
  }
  bool corrects_as(const AnyAdam& other) const {
    return beta1_ == other.beta1_ && beta2_ == other.beta2_ && bias_correction_ == other.bias_correction_;
  }

  double beta1_, beta2_;
  Correction first_, second_;
  double eps_, weight_decay_;
  bool amsgrad_, eps_inside_sqrt_, bias_correction_, eps_hat_;
  mutable std::vector<AdamStep> batch_steps_;  ///< of update_model_batch, by lane
};

template <class T>
class Adam final : public AnyAdam<T, false> {
 public:
  explicit Adam(const Args& args) : AnyAdam<T, false>(args) {}
};

template <class T>
class AdamW final : public AnyAdam<T, true> {
 public:
  explicit AdamW(const Args& args) : AnyAdam<T, true>(args) {}
};

Registration& add_fields(Registration& optimizer, double weight_decay, const char* decay_text) {
  return optimizer.field("lr", 1e-3, rule::rate(), "step size, per update")
      .field("betas", std::vector<double>{0.9, 0.999}, rule::pair_in_range(0.0, 1.0), "decay of the two averages")
      .field("eps", 1e-8, rule::non_negative(), "keeps the quotient finite")
      .field("weight_decay", weight_decay, rule::non_negative(), decay_text)
      .field("amsgrad", false, rule::boolean(), "divide by the largest v so far")
      .keyword("eps_inside_sqrt", false, rule::boolean(),
               "put eps under the root, as some lecture notes do, instead of beside it (the paper, PyTorch)")
      .keyword("bias_correction", true, rule::boolean(), "divide by 1 - beta^t; off: m and v as they are")
      .keyword("eps_hat", false, rule::boolean(),
               "add eps to the root of v before the division by 1 - beta2^t: the paper's epsilon hat, as in TensorFlow, "
               "Keras and scikit-learn");
}

const char* const kState =
    "State per parameter: exp_avg (m), exp_avg_sq (v), and max_exp_avg_sq with amsgrad. One step count t serves all "
    "parameters.";

const auto registered_Adam =
    optimizer<Adam>("Adam")
        .summary("Adaptive moment estimation.")
        .formula("m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2\n"
                 "w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)")
        .also(add_fields, 0.0, "L2 penalty added to the gradient of every parameter")
        .notes(kState)
        .source("Kingma, Ba, Adam, 2015, algorithm 1; Reddi, Kale, Kumar, On the Convergence of Adam and Beyond, 2018")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.Adam(lr=0.1), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.8, 0.99}}, {"weight_decay", 0.1}})
        .example({{"amsgrad", true}})
        .example({{"eps", 1e-3}, {"eps_inside_sqrt", true}})
        .example({{"bias_correction", false}})
        .example({{"eps", 1e-3}, {"eps_hat", true}})
        .example({{"eps", 1e-3}, {"eps_inside_sqrt", true}, {"eps_hat", true}});

const auto registered_AdamW =
    optimizer<AdamW>("AdamW")
        .summary("Adam with weight decay that does not pass through the averages.")
        .formula("m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2\n"
                 "w = (1 - lr weight_decay) w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)")
        .also(add_fields, 0.01, "share of every parameter taken off, times lr")
        .notes(kState)
        .source("Loshchilov, Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2; its schedule multiplier "
                "is lr here, as in PyTorch")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.AdamW(lr=0.1), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.8, 0.99}}, {"weight_decay", 0.1}})
        .example({{"amsgrad", true}, {"weight_decay", 0.5}});

}  // namespace
}  // namespace nncore
