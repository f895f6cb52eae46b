/// RMSprop: gradients divided by the root of an average of their squares.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// v = alpha v + (1 - alpha) g'^2, mean = alpha mean + (1 - alpha) g', d = g' / (sqrt(v - mean^2) + eps);
/// buffer = momentum buffer + d; w -= rate buffer. State: v, buffer, mean. Without mean (null): sqrt(v); without buffer
/// (null): w -= rate d.
struct RMSpropStep {
  double rate, alpha, eps, weight_decay, momentum;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

template <class T, bool centered, bool with_momentum>
struct RMSprop {
  Vec<T> minus_rate, alpha, rest, eps, weight_decay, momentum;  // rest = 1 - alpha
  T* w;
  const T* g;
  T *v, *buffer, *mean;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> square = fma(rest * gradient, gradient, alpha * load(v + i, lanes));
    store(v + i, lanes, square);
    Vec<T> variance = square;
    if constexpr (centered) {
      const Vec<T> average = fma(rest, gradient, alpha * load(mean + i, lanes));
      store(mean + i, lanes, average);
      // rounding may make it negative; a NaN passes
      variance = max(Vec<T>::broadcast(T(0)), square - average * average);
    }
    Vec<T> direction = gradient / (sqrt(variance) + eps);
    if constexpr (with_momentum) {
      direction = fma(momentum, load(buffer + i, lanes), direction);
      store(buffer + i, lanes, direction);
    }
    store(w + i, lanes, fma(minus_rate, direction, weight));
  }
};

template <bool centered, bool with_momentum, class T>
void rmsprop_as(int64_t n, const RMSpropStep& step, T* w, const T* g, T* v, T* buffer, T* mean) {
  each_register<T>(n, RMSprop<T, centered, with_momentum>{.minus_rate = broadcast<T>(-step.rate),
                                                          .alpha = broadcast<T>(step.alpha),
                                                          .rest = broadcast<T>(1 - step.alpha),
                                                          .eps = broadcast<T>(step.eps),
                                                          .weight_decay = broadcast<T>(step.weight_decay),
                                                          .momentum = broadcast<T>(step.momentum),
                                                          .w = w,
                                                          .g = g,
                                                          .v = v,
                                                          .buffer = buffer,
                                                          .mean = mean});
}

template <class T>
void rmsprop(int64_t n, const RMSpropStep& step, T* w, const T* g, T* const* state) {
  T *const v = state[0], *const buffer = state[1], *const mean = state[2];
  if (mean && buffer) rmsprop_as<true, true>(n, step, w, g, v, buffer, mean);
  else if (mean) rmsprop_as<true, false>(n, step, w, g, v, buffer, mean);
  else if (buffer) rmsprop_as<false, true>(n, step, w, g, v, buffer, mean);
  else rmsprop_as<false, false>(n, step, w, g, v, buffer, mean);
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
