/// RAdam: Adam that begins as momentum.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// m, v as in Adam; w -= size m / (sqrt(v) + eps), or size m while not rectified. State: m, v.
struct RAdamStep {
  double size, beta1, beta2, eps, weight_decay, shrink;
  bool rectified;  ///< divide by sqrt(v) + eps
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

template <class T, bool rectified>
struct RAdam {
  Moments<T> moments;
  Vec<T> size, eps, shrink;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const auto [weight, gradient, mean, square] = moments.advance(i, lanes);
    const Vec<T> direction = rectified ? mean / (sqrt(square) + eps) : mean;
    store(moments.w + i, lanes, fnma(size, direction, shrink * weight));
  }
};

template <bool rectified, class T>
void radam_as(int64_t n, const RAdamStep& step, T* w, const T* g, T* const* state) {
  each_register<T>(n, RAdam<T, rectified>{Moments<T>(step, w, g, state), broadcast<T>(step.size),
                                          broadcast<T>(step.eps), broadcast<T>(step.shrink)});
}

template <class T>
void radam(int64_t n, const RAdamStep& step, T* w, const T* g, T* const* state) {
  if (step.rectified) radam_as<true>(n, step, w, g, state);
  else radam_as<false>(n, step, w, g, state);
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
