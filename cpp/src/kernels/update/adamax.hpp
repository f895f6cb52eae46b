/// Adamax: Adam with the largest gradient that has not faded in place of the root.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// m as in Adam; u = max(beta2 u, |g'| + eps); w -= size m / u. State: m, u.
struct AdamaxStep {
  double size, beta1, beta2, eps, weight_decay;  ///< size = rate / (1 - beta1^t)
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

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
void adamax(int64_t n, const AdamaxStep& step, T* w, const T* g, T* const* state) {
  each_register<T>(n, Adamax<T>{broadcast<T>(step.size), broadcast<T>(step.beta2), broadcast<T>(step.eps),
                                broadcast<T>(step.weight_decay), Average<T>(step.beta1), w, g, state[0], state[1]});
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
