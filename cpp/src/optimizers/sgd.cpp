#include "kernels/update/update.hpp"
#include "nncore/error.hpp"
#include "nncore/optimizer.hpp"
#include "objectives/update_rule.hpp"

namespace nncore {
namespace {

template <class T>
class SGD final : public Optimizer<T> {
 public:
  explicit SGD(const Args& args)
      : Optimizer<T>(args),
        momentum_(args.get<double>("momentum")),
        dampening_(args.get<double>("dampening")),
        weight_decay_(args.get<double>("weight_decay")),
        nesterov_(args.get<bool>("nesterov")) {
    if (nesterov_ && (momentum_ == 0.0 || dampening_ != 0.0)) {
      throw ConfigError("[SGD] nesterov: expected momentum > 0 and dampening = 0 beside nesterov=True, got momentum=" +
                        to_string(Value(momentum_)) + ", dampening=" + to_string(Value(dampening_)));
    }
  }

  std::vector<std::string> state_names() const override {
    return momentum_ == 0.0 ? std::vector<std::string>{} : std::vector<std::string>{"momentum_buffer"};
  }

  bool is_plain_sgd() const override { return momentum_ == 0.0 && weight_decay_ == 0.0; }

  // v = momentum v + (1 - dampening) g, v = g at t = 1; w -= rate v
  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.sgd(n, constants(step), w, g, state);
  }

  void update_model_batch(const Optimizer<T>* const* lanes, const StepConstants* steps, int64_t n, T* w, const T* g,
                          T* const* state) const override {
    batch_steps_.clear();
    for (int64_t l = 0; l < kernels<T>().lanes; ++l) {
      batch_steps_.push_back(static_cast<const SGD*>(lanes[l])->constants(steps[l]));
    }
    kernels<T>().update.sgd_model_batch(n, batch_steps_.data(), w, g, state);
  }
  std::vector<std::string> per_model_arguments() const override {
    return {"lr", "momentum", "dampening", "weight_decay"};
  }

  UpdateRule update_rule() const override {
    using Kind = UpdateRule::Kind;
    if (weight_decay_ != 0.0 || nesterov_) return {};
    return {.kind = momentum_ == 0.0 ? Kind::plain : Kind::momentum, .momentum = momentum_, 
            .gradient_share = 1 - dampening_};
  }

 private:
  SgdStep constants(const StepConstants& step) const {
    return {step.rate, momentum_, dampening_, weight_decay_, nesterov_, step.t == 1};
  }

  double momentum_, dampening_, weight_decay_;
  bool nesterov_;
  mutable std::vector<SgdStep> batch_steps_;  ///< of update_model_batch, by lane
};

const auto registered_SGD =
    optimizer<SGD>("SGD")
        .summary("Stochastic gradient descent, optionally with momentum.")
        .formula("g = dL/dw + weight_decay w\n"
                 "v = momentum v + (1 - dampening) g      (v = g on the first step)\n"
                 "w = w - lr v                            (nesterov: w - lr (g + momentum v))")
        .field("lr", 1e-3, rule::rate(), "step size, per update")
        .field("momentum", 0.0, rule::in_range(0.0, 1.0), "share of the velocity v that stays")
        .field("dampening", 0.0, rule::in_closed(0.0, 1.0), "share of the gradient kept out of the velocity")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .field("nesterov", false, rule::boolean(), "look ahead along the velocity")
        .notes("State per parameter: momentum_buffer (same shape), only with momentum. The formula is PyTorch's; "
               "Sutskever et al. put lr inside the velocity.")
        .source("Robbins, Monro, 1951; Polyak, 1964; Sutskever et al., On the importance of initialization and "
                "momentum, 2013")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.SGD(lr=0.1), 200).fun < 1e-6\nTrue")
        .example({})
        .example({{"momentum", 0.9}, {"weight_decay", 0.01}})
        .example({{"momentum", 0.8}, {"dampening", 0.3}})
        .example({{"momentum", 0.9}, {"nesterov", true}});

}  // namespace
}  // namespace nncore
