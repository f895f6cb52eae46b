/// Adagrad: gradients divided by the root of the sum of their squares.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// sum += g'^2; w -= rate g' / (sqrt(sum) + eps). State: sum.
struct AdagradStep {
  double rate, eps, weight_decay;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

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
void adagrad(int64_t n, const AdagradStep& step, T* w, const T* g, T* const* state) {
  each_register<T>(
      n, Adagrad<T>{broadcast<T>(step.rate), broadcast<T>(step.eps), broadcast<T>(step.weight_decay), w, g, state[0]});
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
