/// Parameter updates that divide by a root of sums of squares: RMSprop, Adagrad, Adadelta.
#pragma once

#include "kernels/simd/each_register.hpp"
#include "kernels/update/constant.hpp"
#include "kernels/update/update.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
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
    Vec<T> spread = square;
    if constexpr (centered) {
      const Vec<T> average = fma(rest, gradient, alpha * load(mean + i, lanes));
      store(mean + i, lanes, average);
      // Rounding may leave less than nothing of a variance; a NaN comes through.
      spread = max(Vec<T>::all(T(0)), square - average * average);
    }
    Vec<T> direction = gradient / (sqrt(spread) + eps);
    if constexpr (with_momentum) {
      direction = fma(momentum, load(buffer + i, lanes), direction);
      store(buffer + i, lanes, direction);
    }
    store(w + i, lanes, fma(minus_rate, direction, weight));
  }
};

template <bool centered, bool with_momentum, class T>
void rmsprop_as(int64_t n, const RMSpropStep& step, T* w, const T* g, T* v, T* buffer, T* mean) {
  each_register<T>(n, RMSprop<T, centered, with_momentum>{.minus_rate = all<T>(-step.rate),
                                                          .alpha = all<T>(step.alpha),
                                                          .rest = all<T>(1 - step.alpha),
                                                          .eps = all<T>(step.eps),
                                                          .weight_decay = all<T>(step.weight_decay),
                                                          .momentum = all<T>(step.momentum),
                                                          .w = w,
                                                          .g = g,
                                                          .v = v,
                                                          .buffer = buffer,
                                                          .mean = mean});
}

template <class T>
void rmsprop(int64_t n, const RMSpropStep& step, T* w, const T* g, T* v, T* buffer, T* mean) {
  if (mean && buffer) rmsprop_as<true, true>(n, step, w, g, v, buffer, mean);
  else if (mean) rmsprop_as<true, false>(n, step, w, g, v, buffer, mean);
  else if (buffer) rmsprop_as<false, true>(n, step, w, g, v, buffer, mean);
  else rmsprop_as<false, false>(n, step, w, g, v, buffer, mean);
}

template <class T>
struct Adagrad {
  Vec<T> rate, eps, weight_decay;
  T* w;
  const T* g;
  T* sum;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> total = fma(gradient, gradient, load(sum + i, lanes));
    store(sum + i, lanes, total);
    store(w + i, lanes, fnma(rate, gradient / (sqrt(total) + eps), weight));
  }
};

template <class T>
void adagrad(int64_t n, const AdagradStep& step, T* w, const T* g, T* sum) {
  each_register<T>(n, Adagrad<T>{all<T>(step.rate), all<T>(step.eps), all<T>(step.weight_decay), w, g, sum});
}

template <class T>
struct Adadelta {
  Vec<T> rate, rho, rest, eps, weight_decay;  // rest = 1 - rho
  T* w;
  const T* g;
  T *v, *u;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes), changes = load(u + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> square = fma(rest * gradient, gradient, rho * load(v + i, lanes));
    const Vec<T> change = sqrt(changes + eps) / sqrt(square + eps) * gradient;
    store(v + i, lanes, square);
    store(u + i, lanes, fma(rest * change, change, rho * changes));
    store(w + i, lanes, fnma(rate, change, weight));
  }
};

template <class T>
void adadelta(int64_t n, const AdadeltaStep& step, T* w, const T* g, T* v, T* u) {
  each_register<T>(n, Adadelta<T>{all<T>(step.rate), all<T>(step.rho), all<T>(1 - step.rho), all<T>(step.eps),
                                  all<T>(step.weight_decay), w, g, v, u});
}

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
