/// Adadelta: gradients scaled by the ratio of two averages, of squared changes and of squared gradients.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// v = rho v + (1 - rho) g'^2; d = sqrt(u + eps) / sqrt(v + eps) g'; u = rho u + (1 - rho) d^2; w -= rate d.
/// State: v, u.
struct AdadeltaStep {
  double rate, rho, eps, weight_decay;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

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
void adadelta(int64_t n, const AdadeltaStep& step, T* w, const T* g, T* const* state) {
  each_register<T>(n, Adadelta<T>{broadcast<T>(step.rate), broadcast<T>(step.rho), broadcast<T>(1 - step.rho),
                                  broadcast<T>(step.eps), broadcast<T>(step.weight_decay), w, g, state[0], state[1]});
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
