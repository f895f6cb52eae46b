/// Adam, of one model or of a model batch.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// One step of Adam, PyTorch's: w -= rate / correction1 * m / (sqrt(v / correction2) + eps), or sqrt(v / correction2 +
/// eps) with eps_inside_sqrt. correction1 = 1 - beta1^t and correction2 = 1 - beta2^t (1 without bias correction).
/// `shrink` multiplies w before the step: weight decay that does not pass through the gradient; 1 for none. State: m, v
/// as in Kingma and Ba, v_max (AMSGrad) or null. Of a model batch eps_inside_sqrt is that of the first lane.
struct AdamStep {
  double rate, beta1, beta2, eps, weight_decay, shrink, correction1, correction2;
  bool eps_inside_sqrt;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
namespace {

template <class T, bool decay, bool amsgrad, bool eps_inside>
struct Adam {
  Vec<T> step_size, beta1, rest1, beta2, rest2, eps;  // step_size = rate / correction1, rest = 1 - beta
  Vec<T> weight_decay, shrink;
  Vec<T> correction;  // 1 / correction2 inside the root, 1 / sqrt(correction2) outside
  T* w;
  const T* g;
  T *m, *v, *v_max;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    Vec<T> gradient = load(g + i, lanes);
    if constexpr (decay) gradient = fma(weight_decay, weight, gradient);
    const Vec<T> mean = fma(rest1, gradient, beta1 * load(m + i, lanes));
    Vec<T> square = fma(rest2 * gradient, gradient, beta2 * load(v + i, lanes));
    store(m + i, lanes, mean);
    store(v + i, lanes, square);
    if constexpr (amsgrad) {
      square = max(load(v_max + i, lanes), square);  // a NaN in v comes through
      store(v_max + i, lanes, square);
    }
    Vec<T> denominator;
    if constexpr (eps_inside) denominator = sqrt(fma(square, correction, eps));
    else denominator = fma(sqrt(square), correction, eps);
    store(w + i, lanes, fnma(step_size, mean / denominator, shrink * weight));
  }
};

template <bool decay, bool amsgrad, bool eps_inside, class T, class Constants>
void adam_as(int64_t n, const Constants& constant, T* w, const T* g, T* m, T* v, T* v_max) {
  using Step = const AdamStep&;
  const auto correction = [](Step s) { return 1 / (eps_inside ? s.correction2 : __builtin_sqrt(s.correction2)); };
  const Adam<T, decay, amsgrad, eps_inside> rule{
      .step_size = constant([](Step s) { return s.rate / s.correction1; }),
      .beta1 = constant([](Step s) { return s.beta1; }),
      .rest1 = constant([](Step s) { return 1 - s.beta1; }),
      .beta2 = constant([](Step s) { return s.beta2; }),
      .rest2 = constant([](Step s) { return 1 - s.beta2; }),
      .eps = constant([](Step s) { return s.eps; }),
      .weight_decay = constant([](Step s) { return s.weight_decay; }),
      .shrink = constant([](Step s) { return s.shrink; }),
      .correction = constant(correction),
      .w = w,
      .g = g,
      .m = m,
      .v = v,
      .v_max = v_max};
  each_register<T>(n, rule);
}

template <bool decay, bool amsgrad, class T, class Constants>
void adam_as(int64_t n, const Constants& constant, T* w, const T* g, T* m, T* v, T* v_max) {
  if (constant.first.eps_inside_sqrt) adam_as<decay, amsgrad, true>(n, constant, w, g, m, v, v_max);
  else adam_as<decay, amsgrad, false>(n, constant, w, g, m, v, v_max);
}

template <bool decay, class T, class Constants>
void adam_as(int64_t n, const Constants& constant, T* w, const T* g, T* m, T* v, T* v_max) {
  if (v_max) adam_as<decay, true>(n, constant, w, g, m, v, v_max);
  else adam_as<decay, false>(n, constant, w, g, m, v, v_max);
}

template <class T, class Constants>
void adam_any(int64_t n, const Constants& constant, T* w, const T* g, T* const* state) {
  T *const m = state[0], *const v = state[1], *const v_max = state[2];
  if (Constants::alike && constant.first.weight_decay == 0) adam_as<false>(n, constant, w, g, m, v, v_max);
  else adam_as<true>(n, constant, w, g, m, v, v_max);
}

template <class T>
void adam(int64_t n, const AdamStep& step, T* w, const T* g, T* const* state) {
  adam_any(n, OneForAll<T, AdamStep>{step}, w, g, state);
}
template <class T>
void adam_model_batch(int64_t n, const AdamStep* steps, T* w, const T* g, T* const* state) {
  adam_any(n, OneForEach<T, AdamStep>{*steps}, w, g, state);
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
