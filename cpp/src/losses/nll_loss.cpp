#include <algorithm>

#include "losses/class_weights.hpp"
#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// L = -Σ_n w[y_n] z[n, y_n] / Σ_n w[y_n]; dz[n, y_n] = -w[y_n] / Σ w, 0 elsewhere.
template <class T>
class NLLLoss final : public Loss<T> {
 public:
  explicit NLLLoss(const Args& args)
      : weight_(args), ignored_(args.get<int64_t>("ignore_index")), mean_(takes_mean(args)) {}

  bool takes_labels() const override { return true; }
  Link link() const override { return Link::log_softmax; }
  bool sums() const override { return !mean_; }
  std::optional<int64_t> ignored_label() const override { return ignored_; }
  bool any_counts(const Target<T>& y) const override { return total_weight(y) > 0; }

  void check(const Shape& z, const Target<T>& y) const override {
    if (y.labels == nullptr) {
      throw ShapeError(expected("[NLLLoss]", "y", "integer labels (N,)", "numbers " + y.shape.str()));
    }
    check_labels("[NLLLoss]", z, y, &ignored_);
    weight_.check("[NLLLoss]", z[1]);
  }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    const int64_t N = z.batch(), C = z.shape[1];
    const double total = total_weight(y);
    if (mean_ && total == 0) return mean_of_none(N * C, dz);
    const double scale = mean_ ? 1.0 / total : 1.0;
    if (dz != nullptr) std::fill_n(dz, N * C, T(0));
    double sum = 0;
    for (int64_t n = 0; n < N; ++n) {
      const double w = y.weight(n) * class_weight(y.labels[n]);
      if (w == 0.0) continue;
      const int64_t at = n * C + y.labels[n];
      sum -= w * static_cast<double>(z.data[at]);
      if (dz != nullptr) dz[at] = static_cast<T>(-w * scale);
    }
    return sum * scale;
  }

 private:
  double total_weight(const Target<T>& y) const {
    double total = 0;
    for (int64_t n = 0; n < y.shape[0]; ++n) total += y.weight(n) * class_weight(y.labels[n]);
    return total;
  }

  double class_weight(int64_t label) const {
    return label == ignored_ ? 0.0 : weight_.of(label);
  }

  ClassWeights weight_;
  int64_t ignored_;
  bool mean_;
};

const auto registered_NLLLoss =
    loss<NLLLoss>("NLLLoss")
        .summary("Negative log-likelihood of labels under log-probabilities, the output of LogSoftmax.")
        .formula("L = -sum_n w[y_n] z[n, y_n] / sum_n w[y_n]")
        .also(add_class_weights)
        .field("ignore_index", -100, rule::integer(INT64_MIN, INT64_MAX),
               "label of samples that do not count")
        .also(add_reduction)
        .shapes("z (N, C), y (N,) integers -> a number and dz (N, C)")
        .notes("z are taken as they are: of raw outputs or probabilities the value means nothing and may be negative, as "
               "in PyTorch. A Trainer asks for a model that ends in LogSoftmax; on raw outputs use CrossEntropyLoss. "
               "Where no label counts, the mean is NaN and dz 0, as of CrossEntropyLoss.")
        .source("Fisher, On the Mathematical Foundations of Theoretical Statistics, 1922")
        .doctest(">>> nc.NLLLoss()(np.log([[0.25, 0.75]]), np.array([1]))[0].__round__(6)\n0.287682")
        .example({}, {3})
        .example({{"weight", std::vector<double>{1.0, 2.0, 0.5}}, {"ignore_index", 1}}, {3});

}  // namespace
}  // namespace nncore
