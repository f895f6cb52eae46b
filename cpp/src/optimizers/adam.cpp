#include <cmath>

#include "kernels/table.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
class Adam final : public Optimizer<T> {
 public:
  explicit Adam(const Args& args)
      : Optimizer<T>(args),
        beta1_(args.get<std::vector<double>>("betas")[0]),
        beta2_(args.get<std::vector<double>>("betas")[1]),
        eps_(args.get<double>("eps")),
        weight_decay_(args.get<double>("weight_decay")),
        amsgrad_(args.get<bool>("amsgrad")),
        eps_inside_sqrt_(args.get<bool>("eps_inside_sqrt")),
        bias_correction_(args.get<bool>("bias_correction")) {}

  std::vector<std::string> slot_names() const override {
    return amsgrad_ ? std::vector<std::string>{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
                    : std::vector<std::string>{"exp_avg", "exp_avg_sq"};
  }

  void prepare(StepConstants& step) const override {
    if (!bias_correction_) return;
    step.correction1 = 1.0 - std::pow(beta1_, static_cast<double>(step.t));
    step.correction2 = 1.0 - std::pow(beta2_, static_cast<double>(step.t));
  }

  void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* slots) const override {
    kernels<T>().adam(n,
                      {step.rate, beta1_, beta2_, eps_, weight_decay_, step.correction1, step.correction2,
                       eps_inside_sqrt_},
                      w, g, slots[0], slots[1], slots[2]);
  }

 private:
  double beta1_, beta2_, eps_, weight_decay_;
  bool amsgrad_, eps_inside_sqrt_, bias_correction_;
};

const auto registered =
    optimizer<Adam>("Adam")
        .summary("Adaptive moment estimation.")
        .formula("m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2\n"
                 "w = w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)")
        .field("lr", 1e-3, rule::rate(), "step size, per update")
        .field("betas", std::vector<double>{0.9, 0.999}, rule::pair_in_range(0.0, 1.0), "decay of the two averages")
        .field("eps", 1e-8, rule::non_negative(), "keeps the quotient finite")
        .field("weight_decay", 0.0, rule::non_negative(), "L2 penalty added to the gradient of every parameter")
        .field("amsgrad", false, rule::boolean(), "divide by the largest v so far")
        .keyword("eps_inside_sqrt", false, rule::boolean(),
                 "put eps under the root, as some lecture notes do, instead of beside it (the paper, PyTorch)")
        .keyword("bias_correction", true, rule::boolean(), "divide by 1 - beta^t; off: m and v as they are")
        .notes("State per parameter: exp_avg (m), exp_avg_sq (v), and max_exp_avg_sq with amsgrad. One step count t "
               "serves all parameters.")
        .source("Kingma, Ba, Adam, 2015, algorithm 1; Reddi, Kale, Kumar, On the Convergence of Adam and Beyond, 2018")
        .doctest(">>> nc.minimize(\"quadratic\", [1.0, 1.0], nc.Adam(lr=0.1), 500).fun < 1e-6\nTrue")
        .example({})
        .example({{"lr", 0.01}, {"betas", std::vector<double>{0.8, 0.99}}, {"weight_decay", 0.1}})
        .example({{"amsgrad", true}})
        .example({{"eps", 1e-3}, {"eps_inside_sqrt", true}})
        .example({{"bias_correction", false}});

}  // namespace
}  // namespace nncore
