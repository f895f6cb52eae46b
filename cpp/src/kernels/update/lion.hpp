/// Lion: the sign of an average of gradients.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// w -= rate sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g. sign(NaN) = NaN. State: m.
struct LionStep {
  double rate, beta1, beta2, shrink;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

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
    const Vec<T> c = direction.of(mean, gradient), zero = Vec<T>::broadcast(T(0)), one = Vec<T>::broadcast(T(1));
    const Vec<T> sign = select(c > zero, one, select(c < zero, zero - one, c));  // 0 and NaN stay what they are
    store(m + i, lanes, memory.of(mean, gradient));
    store(w + i, lanes, fnma(rate, sign, shrink * load(w + i, lanes)));
  }
};

template <class T>
void lion(int64_t n, const LionStep& step, T* w, const T* g, T* const* state) {
  each_register<T>(n, Lion<T>{broadcast<T>(step.rate), broadcast<T>(step.shrink), Average<T>(step.beta1),
                              Average<T>(step.beta2), w, g, state[0]});
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
