#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// L = Σ max(0, -y z) / N; dz = -y / N where y z < 0, else 0.
template <class T>
class PerceptronLoss final : public Loss<T> {
 public:
  explicit PerceptronLoss(const Args& args) : mean_(takes_mean(args)) {}

  Link link() const override { return Link::sign; }
  bool sums() const override { return !mean_; }

  void check(const Shape& z, const Target<T>& y) const override { check_signs("[PerceptronLoss]", z, y); }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    return weighted(y, z.shape, mean_, dz, [&](int64_t first, int64_t last, double factor) {
      double sum = 0;
      for (int64_t n = first; n < last; ++n) {
        const T margin = y.values[n] * z.data[n];
        if (!(margin >= 0)) sum -= static_cast<double>(margin);  // true for NaN, which then reaches the loss
        if (dz != nullptr) dz[n] = margin < 0 ? static_cast<T>(-factor) * y.values[n] : T(0);
      }
      return sum;
    });
  }

 private:
  bool mean_;
};

const auto registered_PerceptronLoss =
    loss<PerceptronLoss>("PerceptronLoss")
        .summary("Rosenblatt's criterion: how far misclassified samples lie on the wrong side.")
        .formula("L = sum max(0, -y z) / N,  y in {-1, 1}")
        .also(add_reduction)
        .shapes("z (N, 1), y (N,) of -1 and 1 -> a number and dz (N, 1)")
        .notes("The derivative at z = 0 is taken as 0.")
        .source("Rosenblatt, The Perceptron, 1958")
        .doctest(">>> nc.PerceptronLoss()(np.array([[-2.0], [3.0]]), np.array([1, 1]))\n"
                 "(1.0, array([[-0.5],\n       [ 0. ]]))")
        .example({}, {1})
        .trait("signs");

}  // namespace
}  // namespace nncore
