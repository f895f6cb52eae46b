/// Base of the losses that are a sum over elements of a function of d = z - y.
#pragma once

#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {

/// -1, 0 or 1; NaN stays NaN.
inline double sign(double d) { return d > 0 ? 1.0 : d < 0 ? -1.0 : d; }

/// Derived has `value(d)` and its derivative `slope(d)`.
template <class T, class Derived>
class ElementwiseLoss : public Loss<T> {
 public:
  ElementwiseLoss(const char* where, const Args& args) : where_(where), mean_(takes_mean(args)) {}

  bool sums() const override { return !mean_; }
  void check(const Shape& z, const Target<T>& y) const override { check_values(where_, z, y); }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    const auto& f = static_cast<const Derived&>(*this);
    return weighted(y, z.shape, mean_, dz, [&](int64_t first, int64_t last, double factor) {
      double sum = 0;
      for (int64_t i = first; i < last; ++i) {
        const auto d = static_cast<double>(z.data[i] - y.values[i]);
        sum += f.value(d);
        if (dz != nullptr) dz[i] = static_cast<T>(factor * f.slope(d));
      }
      return sum;
    });
  }

 private:
  const char* where_;
  bool mean_;
};

}  // namespace nncore
