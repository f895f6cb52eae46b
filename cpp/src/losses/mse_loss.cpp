#include "kernels/small_nets/batched_loss.hpp"
#include "kernels/small_nets/model_batch.hpp"
#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// L = Σ (z - y)² / n over all n elements; dz = 2 (z - y) / n.
template <class T>
class MSELoss final : public Loss<T> {
 public:
  explicit MSELoss(const Args& args) : mean_(takes_mean(args)) {}

  bool sums() const override { return !mean_; }
  BatchedLoss<T> batched() const override { return {kernels<T>().model_batch.squares, false, mean_}; }

  void check(const Shape& z, const Target<T>& y) const override { check_values("[MSELoss]", z, y); }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    return weighted(y, z.shape, mean_, dz, [&](int64_t first, int64_t last, double factor) {
      const T scale = static_cast<T>(2.0 * factor);
      double sum = 0;
      for (int64_t i = first; i < last; ++i) {
        const T d = z.data[i] - y.values[i];
        sum += static_cast<double>(d) * static_cast<double>(d);
        if (dz != nullptr) dz[i] = scale * d;
      }
      return sum;
    });
  }

 private:
  bool mean_;
};

const auto registered_MSELoss =
    loss<MSELoss>("MSELoss")
        .summary("Mean squared error over all elements.")
        .formula("L = sum (z - y)^2 / n,  n the number of elements")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1) -> a number and dz (N, *)")
        .source("Legendre, 1805")
        .doctest(">>> nc.MSELoss()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]))\n"
                 "(2.0, array([[0., 2.]]))")
        .example({}, {3})
        .example({{"reduction", "sum"}}, {2, 2});

}  // namespace
}  // namespace nncore
