/// NAdam: Adam with Nesterov's look ahead.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// m, v as in Adam; w -= (gradient_size g' + mean_size m) / (sqrt(v / correction2) + eps). State: m, v.
struct NAdamStep {
  double gradient_size, mean_size, beta1, beta2, eps, weight_decay, shrink, correction2;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

template <class T>
struct NAdam {
  Moments<T> moments;
  Vec<T> gradient_size, mean_size, eps, shrink, correction;  // correction = 1 / sqrt(correction2)

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const auto [weight, gradient, mean, square] = moments.advance(i, lanes);
    const Vec<T> direction = fma(gradient_size, gradient, mean_size * mean) / fma(sqrt(square), correction, eps);
    store(moments.w + i, lanes, shrink * weight - direction);
  }
};

template <class T>
void nadam(int64_t n, const NAdamStep& step, T* w, const T* g, T* const* state) {
  each_register<T>(n, NAdam<T>{Moments<T>(step, w, g, state), broadcast<T>(step.gradient_size),
                               broadcast<T>(step.mean_size), broadcast<T>(step.eps), broadcast<T>(step.shrink),
                               broadcast<T>(1 / __builtin_sqrt(step.correction2))});
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
