/// Parameter updates along an average of gradients, beside SGD and Adam: Adamax, NAdam, RAdam, Lion.
#pragma once

#include "kernels/simd/each_register.hpp"
#include "kernels/update/constant.hpp"
#include "kernels/update/update.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

/// An exponential average: beta a + (1 - beta) x, rest = 1 - beta.
template <class T>
struct Average {
  Vec<T> beta, rest;
  explicit Average(double b) : beta(all<T>(b)), rest(all<T>(1 - b)) {}
  NNCORE_INLINE Vec<T> of(Vec<T> a, Vec<T> x) const { return fma(rest, x, beta * a); }
  NNCORE_INLINE Vec<T> of_squares(Vec<T> a, Vec<T> x) const { return fma(rest * x, x, beta * a); }
};

template <class T>
struct Adamax {
  Vec<T> size, beta2, eps, weight_decay;
  Average<T> first;
  T* w;
  const T* g;
  T *m, *u;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> mean = first.of(load(m + i, lanes), gradient);
    const Vec<T> largest = max(beta2 * load(u + i, lanes), abs(gradient) + eps);  // a NaN in g comes through
    store(m + i, lanes, mean);
    store(u + i, lanes, largest);
    store(w + i, lanes, fnma(size, mean / largest, weight));
  }
};

template <class T>
void adamax(int64_t n, const AdamaxStep& step, T* w, const T* g, T* m, T* u) {
  each_register<T>(n, Adamax<T>{all<T>(step.size), all<T>(step.beta2), all<T>(step.eps), all<T>(step.weight_decay),
                                Average<T>(step.beta1), w, g, m, u});
}

template <class T>
struct NAdam {
  Vec<T> gradient_size, mean_size, eps, weight_decay, shrink, correction;  // correction = 1 / sqrt(correction2)
  Average<T> first, second;
  T* w;
  const T* g;
  T *m, *v;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> mean = first.of(load(m + i, lanes), gradient);
    const Vec<T> square = second.of_squares(load(v + i, lanes), gradient);
    store(m + i, lanes, mean);
    store(v + i, lanes, square);
    const Vec<T> direction = fma(gradient_size, gradient, mean_size * mean) / fma(sqrt(square), correction, eps);
    store(w + i, lanes, shrink * weight - direction);
  }
};

template <class T>
void nadam(int64_t n, const NAdamStep& step, T* w, const T* g, T* m, T* v) {
  each_register<T>(n, NAdam<T>{all<T>(step.gradient_size), all<T>(step.mean_size), all<T>(step.eps),
                               all<T>(step.weight_decay), all<T>(step.shrink),
                               all<T>(1 / __builtin_sqrt(step.correction2)), Average<T>(step.beta1),
                               Average<T>(step.beta2), w, g, m, v});
}

template <class T, bool rectified>
struct RAdam {
  Vec<T> size, eps, weight_decay, shrink;
  Average<T> first, second;
  T* w;
  const T* g;
  T *m, *v;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> mean = first.of(load(m + i, lanes), gradient);
    const Vec<T> square = second.of_squares(load(v + i, lanes), gradient);
    store(m + i, lanes, mean);
    store(v + i, lanes, square);
    const Vec<T> direction = rectified ? mean / (sqrt(square) + eps) : mean;
    store(w + i, lanes, fnma(size, direction, shrink * weight));
  }
};

template <bool rectified, class T>
void radam_as(int64_t n, const RAdamStep& step, T* w, const T* g, T* m, T* v) {
  each_register<T>(n, RAdam<T, rectified>{all<T>(step.size), all<T>(step.eps), all<T>(step.weight_decay),
                                          all<T>(step.shrink), Average<T>(step.beta1), Average<T>(step.beta2), w, g,
                                          m, v});
}

template <class T>
void radam(int64_t n, const RAdamStep& step, T* w, const T* g, T* m, T* v) {
  if (step.rectified) radam_as<true>(n, step, w, g, m, v);
  else radam_as<false>(n, step, w, g, m, v);
}

template <class T>
struct Lion {
  Vec<T> rate, shrink;
  Average<T> direction, memory;
  T* w;
  const T* g;
  T* m;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> gradient = load(g + i, lanes), mean = load(m + i, lanes);
    const Vec<T> c = direction.of(mean, gradient), zero = Vec<T>::all(T(0)), one = Vec<T>::all(T(1));
    const Vec<T> sign = select(c > zero, one, select(c < zero, zero - one, c));  // 0 and NaN stay what they are
    store(m + i, lanes, memory.of(mean, gradient));
    store(w + i, lanes, fnma(rate, sign, shrink * load(w + i, lanes)));
  }
};

template <class T>
void lion(int64_t n, const LionStep& step, T* w, const T* g, T* m) {
  each_register<T>(n, Lion<T>{all<T>(step.rate), all<T>(step.shrink), Average<T>(step.beta1), Average<T>(step.beta2),
                              w, g, m});
}

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
