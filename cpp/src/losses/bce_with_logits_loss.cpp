#include <cmath>
#include <vector>

#include "kernels/small_nets/batched_loss.hpp"
#include "kernels/small_nets/model_batch.hpp"
#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// With s = sigmoid(z) and weight p: l = -p y log s - (1 - y) log(1 - s), and -log s = log(1 + e^-|z|) + max(-z, 0),
/// which overflows nowhere, so l = (1 - y) z + (1 + (p - 1) y) (-log s); dl/dz = (1 - y + p y) s - p y.
template <class T>
class BCEWithLogitsLoss final : public Loss<T> {
 public:
  explicit BCEWithLogitsLoss(const Args& args) : mean_(takes_mean(args)) {
    const Value& given = args.at("pos_weight");
    if (const auto* one = std::get_if<double>(&given)) weight_ = {*one};
    if (const auto* several = std::get_if<std::vector<double>>(&given)) weight_ = *several;
  }

  Link link() const override { return Link::sigmoid; }
  bool sums() const override { return !mean_; }
  BatchedLoss<T> batched() const override {
    if (!weight_.empty()) return {};
    return {kernels<T>().model_batch.logits, false, mean_};
  }

  void check(const Shape& z, const Target<T>& y) const override {
    check_values(kWhere, z, y);
    const auto weights = static_cast<int64_t>(weight_.size());
    if (weights > 1 && (z.rank() < 2 || z.back() != weights)) {
      const std::string outputs = z.rank() < 2 ? "one output" : std::to_string(z.back()) + " outputs";
      const std::string wanted = "one number, or one for each of " + outputs;
      throw ShapeError(expected(kWhere, "pos_weight", wanted, std::to_string(weights)));
    }
    for (int64_t i = 0; i < z.size(); ++i) {
      if (y.values[i] >= 0 && y.values[i] <= 1) continue;
      throw ConfigError(expected(kWhere, "y", "probabilities in [0, 1]", to_string(Value(double(y.values[i]))),
                                 y.values[i] == T(-1) ? "for labels -1 and 1 use (y + 1) / 2" : ""));
    }
  }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    const int64_t weights = static_cast<int64_t>(weight_.size());
    return weighted(y, z.shape, mean_, dz, [&](int64_t first, int64_t last, double factor) {
      double sum = 0;
      for (int64_t i = first; i < last; ++i) {
        const double p = weights == 0 ? 1.0 : weight_[static_cast<std::size_t>(i % weights)];
        const auto x = static_cast<double>(z.data[i]), t = static_cast<double>(y.values[i]);
        const double small = std::exp(-std::fabs(x));
        sum += (1.0 - t) * x + (1.0 + (p - 1.0) * t) * (std::log1p(small) + std::fmax(-x, 0.0));
        if (dz == nullptr) continue;
        const double s = (x >= 0 ? 1.0 : small) / (1.0 + small);
        dz[i] = static_cast<T>(factor * ((1.0 - t + p * t) * s - p * t));
      }
      return sum;
    });
  }

 private:
  static constexpr const char* kWhere = "[BCEWithLogitsLoss]";
  std::vector<double> weight_;
  bool mean_;
};

const auto registered_BCEWithLogitsLoss =
    loss<BCEWithLogitsLoss>("BCEWithLogitsLoss")
        .summary("Binary cross-entropy of the sigmoid of raw outputs (logits), over all elements.")
        .formula("L = -sum (p y log s + (1 - y) log(1 - s)) / n,  s = sigmoid(z),  n the number of elements")
        .field("pos_weight", Value(), rule::optional(rule::one_or_more_numbers()),
               "weight p of y = 1: one number, or one for each output; None: 1")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1), of numbers from 0 to 1 -> a number and dz (N, *)")
        .notes("Computed so that no output is too large for it. Labels 0 and 1 may be integers.")
        .source("Cox, The Regression Analysis of Binary Sequences, 1958")
        .doctest(">>> value, dz = nc.BCEWithLogitsLoss()(np.array([[0.0]]), np.array([[1]]))\n"
                 ">>> round(value, 6), dz\n(0.693147, array([[-0.5]]))")
        .example({}, {1})
        .example({{"pos_weight", std::vector<double>{1.0, 2.0, 0.5}}}, {3})
        .example({{"pos_weight", 3.0}, {"reduction", "sum"}}, {2, 2})
        .trait("probabilities");

}  // namespace
}  // namespace nncore
