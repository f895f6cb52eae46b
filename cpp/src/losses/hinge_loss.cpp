#include <algorithm>

#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// One output: l = max(0, margin - y z), dl/dz = -y where that is positive.
/// Classes: l = max(0, margin + z_j - z_y) for the largest z_j of the others; dl/dz_j = 1 and dl/dz_y = -1 where it is
/// positive.
template <class T>
class HingeLoss final : public Loss<T> {
 public:
  explicit HingeLoss(const Args& args) : margin_(args.get<double>("margin")), mean_(takes_mean(args)) {}

  bool takes_labels() const override { return true; }
  Link link() const override { return Link::sign; }
  bool sums() const override { return !mean_; }

  void check(const Shape& z, const Target<T>& y) const override {
    if (z.rank() != 2) throw ShapeError(expected(kWhere, "z", "(N, 1) or (N, C)", z.str()));
    if (z[1] == 1) return check_signs(kWhere, z, y);
    if (y.labels == nullptr) {
      throw ShapeError(expected(kWhere, "y", "integer labels " + z.rows().str(), "numbers " + y.shape.str()));
    }
    check_labels(kWhere, z, y);
  }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    const int64_t N = z.batch(), C = z.shape[1];
    const double total = mean_ ? y.total_weight() : 1.0;
    if (total == 0) return mean_of_none(N * C, dz);
    if (dz != nullptr) std::fill_n(dz, N * C, T(0));
    double sum = 0;
    for (int64_t n = 0; n < N; ++n) {
      const double s = y.weight(n);
      if (s > 0) sum += s * sample(z.data + n * C, C, y, n, s / total, dz == nullptr ? nullptr : dz + n * C);
    }
    return sum / total;
  }

 private:
  static constexpr const char* kWhere = "[HingeLoss]";

  double sample(const T* z, int64_t C, const Target<T>& y, int64_t n, double scale, T* dz) const {
    if (C == 1) {
      const double sign = y.number(n);
      const double violation = margin_ - sign * static_cast<double>(z[0]);
      if (violation <= 0) return 0;  // false for NaN, which then reaches the loss
      if (dz != nullptr) dz[0] = static_cast<T>(-scale * sign);
      return violation;
    }
    const int64_t label = y.labels[n];
    int64_t rival = label == 0 ? 1 : 0;
    for (int64_t c = 0; c < C; ++c) {
      if (c != label && (z[c] > z[rival] || z[c] != z[c])) rival = c;
    }
    const double violation = margin_ + (static_cast<double>(z[rival]) - static_cast<double>(z[label]));
    if (violation <= 0) return 0;
    if (dz != nullptr) dz[rival] = static_cast<T>(scale), dz[label] = static_cast<T>(-scale);
    return violation;
  }

  double margin_;
  bool mean_;
};

const auto registered_HingeLoss =
    loss<HingeLoss>("HingeLoss")
        .summary("How far samples are from lying on their side by a margin: what a support vector machine minimises.")
        .formula("one output:  L = sum max(0, margin - y z) / N,  y in {-1, 1}\n"
                 "classes:     L = sum max(0, margin + max_{j != y} z_j - z_y) / N")
        .field("margin", 1.0, rule::non_negative(), "how far is far enough")
        .also(add_reduction)
        .shapes("z (N, 1), y (N,) of -1 and 1, or z (N, C), y (N,) integers -> a number and dz like z")
        .notes("The derivative at the kink is taken as 0; of several largest outputs the first counts. With one output "
               "predict gives -1 or 1.")
        .source("Cortes, Vapnik, Support-Vector Networks, 1995; classes: Crammer, Singer, On the Algorithmic "
                "Implementation of Multiclass Kernel-based Vector Machines, 2001")
        .doctest(">>> nc.HingeLoss()(np.array([[0.5], [3.0]]), np.array([1, 1]))\n"
                 "(0.25, array([[-0.5],\n       [ 0. ]]))\n"
                 ">>> nc.HingeLoss()(np.array([[2.0, 1.5, 0.0]]), np.array([0]))\n"
                 "(0.5, array([[-1.,  1.,  0.]]))")
        .example({}, {1})
        .example({{"margin", 0.5}}, {1})
        .example({}, {3})
        .example({{"margin", 2.0}, {"reduction", "sum"}}, {4})
        .trait("signs");

}  // namespace
}  // namespace nncore
