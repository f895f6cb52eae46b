/// What the rules are written with. The file of a rule has two parts: the constants of a step, which the optimizer's
/// class fills in, and its kernel, which is there where kernels are compiled (NNCORE_ISA is defined).
#pragma once

#include <cstdint>

#ifdef NNCORE_ISA
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA::update {
namespace {

/// Constants of a step are computed in double, rounded to T once, and held in a register.
template <class T>
NNCORE_INLINE Vec<T> broadcast(double x) { return Vec<T>::broadcast(static_cast<T>(x)); }

/// A constant f(step) as a register: one step for all lanes, or one for each.
template <class T, class Step>
struct OneForAll {
  const Step& first;
  static constexpr bool alike = true;
  template <class F>
  NNCORE_INLINE Vec<T> operator()(F f) const { return Vec<T>::broadcast(static_cast<T>(f(first))); }
};
template <class T, class Step>
struct OneForEach {
  const Step& first;  // the others behind it
  static constexpr bool alike = false;
  template <class F>
  NNCORE_INLINE Vec<T> operator()(F f) const {
    T each[Vec<T>::lanes];
    for (int i = 0; i < Vec<T>::lanes; ++i) each[i] = static_cast<T>(f((&first)[i]));
    return Vec<T>::load(each);
  }
};

/// An exponential average: beta a + (1 - beta) x, rest = 1 - beta.
template <class T>
struct Average {
  Vec<T> beta, rest;
  explicit Average(double b) : beta(broadcast<T>(b)), rest(broadcast<T>(1 - b)) {}
  NNCORE_INLINE Vec<T> of(Vec<T> a, Vec<T> x) const { return fma(rest, x, beta * a); }
  NNCORE_INLINE Vec<T> of_squares(Vec<T> a, Vec<T> x) const { return fma(rest * x, x, beta * a); }
};

/// What Adam's relatives share: m and v, averages of the gradient (with weight decay) and of its square.
template <class T>
struct Moments {
  Vec<T> weight_decay;
  Average<T> first, second;
  T* w;
  const T* g;
  T *m, *v;

  struct Now {
    Vec<T> weight, gradient, mean, square;
  };
  template <class Step>
  Moments(const Step& step, T* weights, const T* gradients, T* const* state)
      : weight_decay(broadcast<T>(step.weight_decay)),
        first(step.beta1),
        second(step.beta2),
        w(weights),
        g(gradients),
        m(state[0]),
        v(state[1]) {}

  template <class Lanes>
  NNCORE_INLINE Now advance(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    const Vec<T> gradient = fma(weight_decay, weight, load(g + i, lanes));
    const Vec<T> mean = first.of(load(m + i, lanes), gradient);
    const Vec<T> square = second.of_squares(load(v + i, lanes), gradient);
    store(m + i, lanes, mean);
    store(v + i, lanes, square);
    return {weight, gradient, mean, square};
  }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
