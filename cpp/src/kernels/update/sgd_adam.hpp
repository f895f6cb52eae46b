/// Parameter updates of stochastic gradient descent and Adam, of one model or of a model batch.
#pragma once

#include "kernels/simd/each_register.hpp"
#include "kernels/update/update.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

/// A constant f(step) as a register: one step for all lanes, or one for each.
template <class T, class Step>
struct OneForAll {
  const Step& first;
  static constexpr bool alike = true;
  template <class F>
  NNCORE_INLINE Vec<T> operator()(F f) const { return Vec<T>::all(static_cast<T>(f(first))); }
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

enum class Momentum { none, first, running, nesterov_first, nesterov };

template <class T, Momentum kind, bool decay>
struct Sgd {
  Vec<T> minus_rate, momentum, intake, weight_decay;  // intake = 1 - dampening
  T* w;
  const T* g;
  T* velocity;

  template <class Lanes>
  NNCORE_INLINE void operator()(int64_t i, Lanes lanes) const {
    const Vec<T> weight = load(w + i, lanes);
    Vec<T> direction = load(g + i, lanes);
    if constexpr (decay) direction = fma(weight_decay, weight, direction);
    if constexpr (kind != Momentum::none) {
      constexpr bool first = kind == Momentum::first || kind == Momentum::nesterov_first;
      constexpr bool nesterov = kind == Momentum::nesterov || kind == Momentum::nesterov_first;
      Vec<T> v = direction;
      if constexpr (!first) v = fma(intake, direction, momentum * load(velocity + i, lanes));
      store(velocity + i, lanes, v);
      direction = nesterov ? fma(momentum, v, direction) : v;
    }
    store(w + i, lanes, fma(minus_rate, direction, weight));
  }
};

template <Momentum kind, class T, class Constants>
void sgd_as(int64_t n, const Constants& all, T* w, const T* g, T* velocity) {
  using Step = const SgdStep&;
  const Vec<T> minus_rate = all([](Step s) { return -s.rate; }), momentum = all([](Step s) { return s.momentum; });
  const Vec<T> intake = all([](Step s) { return 1 - s.dampening; });
  const Vec<T> weight_decay = all([](Step s) { return s.weight_decay; });
  if (Constants::alike && all.first.weight_decay == 0) {
    each_register<T>(n, Sgd<T, kind, false>{minus_rate, momentum, intake, weight_decay, w, g, velocity});
  } else {
    each_register<T>(n, Sgd<T, kind, true>{minus_rate, momentum, intake, weight_decay, w, g, velocity});
  }
}

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
void adam_as(int64_t n, const Constants& all, T* w, const T* g, T* m, T* v, T* v_max) {
  using Step = const AdamStep&;
  const auto correction = [](Step s) { return 1 / (eps_inside ? s.correction2 : __builtin_sqrt(s.correction2)); };
  const Adam<T, decay, amsgrad, eps_inside> rule{
      .step_size = all([](Step s) { return s.rate / s.correction1; }),
      .beta1 = all([](Step s) { return s.beta1; }),
      .rest1 = all([](Step s) { return 1 - s.beta1; }),
      .beta2 = all([](Step s) { return s.beta2; }),
      .rest2 = all([](Step s) { return 1 - s.beta2; }),
      .eps = all([](Step s) { return s.eps; }),
      .weight_decay = all([](Step s) { return s.weight_decay; }),
      .shrink = all([](Step s) { return s.shrink; }),
      .correction = all(correction),
      .w = w,
      .g = g,
      .m = m,
      .v = v,
      .v_max = v_max};
  each_register<T>(n, rule);
}

template <bool decay, bool amsgrad, class T, class Constants>
void adam_as(int64_t n, const Constants& all, T* w, const T* g, T* m, T* v, T* v_max) {
  if (all.first.eps_inside_sqrt) adam_as<decay, amsgrad, true>(n, all, w, g, m, v, v_max);
  else adam_as<decay, amsgrad, false>(n, all, w, g, m, v, v_max);
}

template <bool decay, class T, class Constants>
void adam_as(int64_t n, const Constants& all, T* w, const T* g, T* m, T* v, T* v_max) {
  if (v_max) adam_as<decay, true>(n, all, w, g, m, v, v_max);
  else adam_as<decay, false>(n, all, w, g, m, v, v_max);
}

template <class T, class Constants>
void sgd_any(int64_t n, const Constants& all, T* w, const T* g, T* velocity) {
  const SgdStep& step = all.first;
  if (step.momentum == 0) return sgd_as<Momentum::none>(n, all, w, g, velocity);
  if (step.nesterov && step.first) return sgd_as<Momentum::nesterov_first>(n, all, w, g, velocity);
  if (step.nesterov) return sgd_as<Momentum::nesterov>(n, all, w, g, velocity);
  if (step.first) return sgd_as<Momentum::first>(n, all, w, g, velocity);
  sgd_as<Momentum::running>(n, all, w, g, velocity);
}

template <class T, class Constants>
void adam_any(int64_t n, const Constants& all, T* w, const T* g, T* m, T* v, T* v_max) {
  if (Constants::alike && all.first.weight_decay == 0) adam_as<false>(n, all, w, g, m, v, v_max);
  else adam_as<true>(n, all, w, g, m, v, v_max);
}

template <class T>
void sgd(int64_t n, const SgdStep& step, T* w, const T* g, T* velocity) {
  sgd_any(n, OneForAll<T, SgdStep>{step}, w, g, velocity);
}
template <class T>
void adam(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max) {
  adam_any(n, OneForAll<T, AdamStep>{step}, w, g, m, v, v_max);
}
template <class T>
void sgd_model_batch(int64_t n, const SgdStep* steps, T* w, const T* g, T* velocity) {
  sgd_any(n, OneForEach<T, SgdStep>{*steps}, w, g, velocity);
}
template <class T>
void adam_model_batch(int64_t n, const AdamStep* steps, T* w, const T* g, T* m, T* v, T* v_max) {
  adam_any(n, OneForEach<T, AdamStep>{*steps}, w, g, m, v, v_max);
}

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
