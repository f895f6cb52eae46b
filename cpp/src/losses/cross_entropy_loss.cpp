#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/small_nets/batched_loss.hpp"
#include "kernels/small_nets/model_batch.hpp"
#include "kernels/softmax/softmax.hpp"
#include "losses/class_weights.hpp"
#include "losses/reduction.hpp"
#include "nncore/buffer.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// With p = softmax(z) and weights u_c on the classes of a sample (its own weight s, one-hot labels, class weights,
/// smoothing): L = -Σ_n Σ_c u_nc log p_nc / W, so dz_nc = (p_nc Σ_c u_nc - u_nc) / W. W is Σ_n s_n w[y_n], or Σ_n s_n
/// for targets that are probabilities.
template <class T>
class CrossEntropyLoss final : public Loss<T> {
 public:
  explicit CrossEntropyLoss(const Args& args)
      : weight_(args),
        ignored_(args.get<int64_t>("ignore_index")),
        smoothing_(args.get<double>("label_smoothing")),
        mean_(takes_mean(args)) {}

  bool takes_labels() const override { return true; }
  Link link() const override { return Link::softmax; }
  bool sums() const override { return !mean_; }
  BatchedLoss<T> batched() const override {
    if (weight_.given() || smoothing_ != 0.0) return {};
    return {kernels<T>().model_batch.cross_entropy, true, mean_};
  }

  void check(const Shape& z, const Target<T>& y) const override {
    if (y.labels != nullptr) {
      check_labels(kWhere, z, y, &ignored_);
    } else {
      if (z.rank() != 2) throw ShapeError(expected(kWhere, "z", "(N, C)", z.str()));
      if (!(y.shape == z)) {
        throw ShapeError(expected(kWhere, "y", "integer labels " + z.rows().str() + " or probabilities " + z.str(),
                                  "numbers " + y.shape.str()));
      }
      for (int64_t i = 0; i < z.size(); ++i) {
        if (y.values[i] >= 0 && y.values[i] <= 1) continue;
        throw ConfigError(expected(kWhere, "y", "probabilities in [0, 1]", to_string(Value(double(y.values[i])))));
      }
    }
    weight_.check(kWhere, z[1]);
  }

  bool is_cross_entropy(const Target<T>& y) const override {
    if (y.labels == nullptr || y.weights != nullptr) return false;
    return !weight_.given() && smoothing_ == 0.0 && !any_ignored(y.shape[0], y.labels);
  }
  std::optional<int64_t> ignored_label() const override { return ignored_; }
  bool any_counts(const Target<T>& y) const override { return total_weight(y) > 0; }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    if (is_cross_entropy(y)) {
      const double scale = mean_ ? 1.0 / static_cast<double>(z.batch()) : 1.0;
      const double sum = kernels<T>().softmax.cross_entropy(z.batch(), z.shape[1], z.data, y.labels,
                                                          static_cast<T>(scale), dz);
      return sum * scale;
    }
    return general(z, y, dz);
  }

 private:
  static constexpr const char* kWhere = "[CrossEntropyLoss]";

  bool any_ignored(int64_t N, const int64_t* labels) const {
    for (int64_t n = 0; n < N; ++n)
      if (labels[n] == ignored_) return true;
    return false;
  }

  double total_weight(const Target<T>& y) const {
    double total = 0;
    for (int64_t n = 0; n < y.shape[0]; ++n) {
      if (y.labels == nullptr) {
        total += y.weight(n);
      } else if (y.labels[n] != ignored_) {
        total += y.weight(n) * weight_.of(y.labels[n]);
      }
    }
    return total;
  }

  double general(View<const T> z, const Target<T>& y, T* dz) {
    const int64_t N = z.batch(), C = z.shape[1];
    const double even = smoothing_ / static_cast<double>(C);
    T* log_p = log_p_.reserve(N * C);
    double* u = u_.reserve(C);
    kernels<T>().softmax.log_forward(N, C, z.data, log_p);
    const double total = total_weight(y);
    if (mean_ && total == 0) return mean_of_none(N * C, dz);
    const double scale = mean_ ? 1.0 / total : 1.0;
    double sum = 0;
    for (int64_t n = 0; n < N; ++n) {
      const double s = y.weight(n);
      if (s == 0) {
        if (dz != nullptr) std::fill_n(dz + n * C, C, T(0));
        continue;
      }
      double row = 0;
      for (int64_t c = 0; c < C; ++c) {
        const double one_hot = y.labels != nullptr && y.labels[n] == c ? 1.0 : 0.0;
        const double given = y.labels == nullptr ? static_cast<double>(y.values[n * C + c]) : one_hot;
        const bool counts = y.labels == nullptr || y.labels[n] != ignored_;
        // PyTorch weighs the label's own term by the label's class and the smoothing terms each by their class.
        u[c] = counts ? s * (weight_.of(c) * ((1.0 - smoothing_) * given + even)) : 0.0;
        row += u[c];
        if (u[c] != 0.0) sum -= u[c] * static_cast<double>(log_p[n * C + c]);
      }
      for (int64_t c = 0; dz != nullptr && c < C; ++c) {
        const double p = std::exp(static_cast<double>(log_p[n * C + c]));
        dz[n * C + c] = static_cast<T>(scale * (p * row - u[c]));
      }
    }
    return sum * scale;
  }

  ClassWeights weight_;
  int64_t ignored_;
  double smoothing_;
  bool mean_;
  Buffer<T> log_p_;
  Buffer<double> u_;
};

const auto registered_CrossEntropyLoss =
    loss<CrossEntropyLoss>("CrossEntropyLoss")
        .summary("Cross-entropy of the softmax of raw outputs (logits) with labels or probabilities.")
        .formula("L = -sum_n w[y_n] log softmax(z_n)[y_n] / sum_n w[y_n]")
        .also(add_class_weights)
        .field("ignore_index", -100, rule::integer(INT64_MIN, INT64_MAX),
               "label of samples that do not count")
        .also(add_reduction)
        .field("label_smoothing", 0.0, rule::in_closed(0.0, 1.0), "share of the target spread evenly over the classes")
        .shapes("z (N, C), y (N,) integers or (N, C) probabilities -> a number and dz (N, C)")
        .notes("\"mean\" divides by the sum of the labels' weights, as PyTorch does; ignored labels do not count. Where "
               "none counts, the mean is NaN and dz 0; a training step then takes the loss as 0, and leaves it out of "
               "the epoch's.")
        .source("Bridle, 1990; label smoothing: Szegedy et al., Rethinking the Inception Architecture, 2016")
        .doctest(">>> value, dz = nc.CrossEntropyLoss()(np.zeros((1, 2)), np.array([0]))\n"
                 ">>> round(value, 6), dz\n(0.693147, array([[-0.5,  0.5]]))")
        .example({}, {3})
        .example({{"weight", std::vector<double>{1.0, 2.0, 0.5}}, {"label_smoothing", 0.1}}, {3})
        .example({{"ignore_index", 1}, {"reduction", "sum"}}, {4});

}  // namespace
}  // namespace nncore
