#include "kernels/update/update.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class RMSprop final : public Optimizer<T> {
 public:
  explicit RMSprop(const Args& args)
      : Optimizer<T>(args),
        alpha_(args.get<double>("alpha")),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")),
        momentum_(args.get<double>("momentum")),
        centered_(args.get<bool>("centered")) {}

  std::vector<std::string> state_names() const override {
    std::vector<std::string> names{"square_avg"};
    if (momentum_ > 0) names.push_back("momentum_buffer");
    if (centered_) names.push_back("grad_avg");
    return names;
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const override {
    T* const buffer = momentum_ > 0 ? state[1] : nullptr;
    T* const mean = centered_ ? state[momentum_ > 0 ? 2 : 1] : nullptr;
    T* const arrays[] = {state[0], buffer, mean};
    kernels<T>().update.rmsprop(n, {step.rate, alpha_, eps_, weight_decay_, momentum_}, w, g, arrays);
  }

 private:
  double alpha_, eps_, weight_decay_, momentum_;
  bool centered_;
};

const auto registered_RMSprop =
    optimizer<RMSprop>("RMSprop")
        .summary("Divides the gradient by the root of an average of its squares.")
        .formula("g = dL/dw + weight_decay w\n"
                 "v = alpha v + (1 - alpha) g^2           (centered: m = alpha m + (1 - alpha) g)\n"
                 "b = momentum b + g / (sqrt(v) + eps)    (centered: sqrt(v - m^2))\n"
                 "w = w - lr b")
        .field("lr", 1e-2, rule::rate(), "step size, per update")
        .field("alpha", 0.99, rule::in_closed(0.0, 1.0), "decay of the averages")
        .field("eps", 1e-8, rule::non_negative(), "keeps the quotient finite")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .field("momentum", 0.0, rule::in_range(0.0, 1.0), "share of the step b that stays")
        .field("centered", false, rule::boolean(), "divide by the spread of the gradient, not by its size")
        .notes("State per parameter: square_avg (v), momentum_buffer (b) with momentum, grad_avg (m) with centered. "
               "eps stands beside the root, as in PyTorch. Where rounding would leave v - m^2 below 0 it counts as 0 "
               "(PyTorch: NaN).")
        .source("Tieleman, Hinton, Lecture 6.5, Neural Networks for Machine Learning, 2012; centered: Graves, "
                "Generating Sequences With Recurrent Neural Networks, 2013, equations 38-45")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.RMSprop(), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"alpha", 0.9}, {"weight_decay", 0.1}})
        .example({{"momentum", 0.9}, {"eps", 1e-3}})
        .example({{"centered", true}, {"alpha", 0.9}})
        .example({{"centered", true}, {"momentum", 0.5}});

}  // namespace
}  // namespace nncore
