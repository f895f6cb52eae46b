#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class Lion final : public Optimizer<T> {
 public:
  explicit Lion(const Args& args)
      : Optimizer<T>(args),
        beta1_(args.get<std::vector<double>>("betas")[0]),
        beta2_(args.get<std::vector<double>>("betas")[1]),
        weight_decay_(args.get<double>("weight_decay")) {}

  std::vector<std::string> state_names() const override { return {"exp_avg"}; }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    kernels<T>().update.lion(n, {step.rate, beta1_, beta2_, 1.0 - step.rate * weight_decay_}, w, g, state);
  }

 private:
  double beta1_, beta2_, weight_decay_;
};

const auto registered_Lion =
    optimizer<Lion>("Lion")
        .summary("Steps of one size, along the sign of a mixture of gradient and momentum.")
        .formula("c = beta1 m + (1 - beta1) g\n"
                 "w = (1 - lr weight_decay) w - lr sign(c)\n"
                 "m = beta2 m + (1 - beta2) g")
        .field("lr", 1e-4, rule::rate(), "size of every element's step")
        .field("betas", std::vector<double>{0.9, 0.99}, rule::pair_in_range(0.0, 1.0),
               "share of the momentum in the direction; decay of the momentum")
        .field("weight_decay", 0.0, rule::non_negative(), "share of every parameter taken off, times lr")
        .notes("State per parameter: exp_avg (m). sign(0) = 0. Rates are usually 3 to 10 times smaller than Adam's, "
               "weight_decay larger by the same factor.")
        .source("Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.Lion(lr=0.001), 2000).fun < 1e-3\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.5, 0.8}}, {"weight_decay", 0.1}});

}  // namespace
}  // namespace nncore
