/// Adam, of one model or of a model batch, and its relatives Adamax, NAdam and RAdam.
#pragma once

#include "kernels/simd/each_register.hpp"
#include "kernels/update/average.hpp"
#include "kernels/update/constant.hpp"
#include "kernels/update/update.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
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
void adam_any(int64_t n, const Constants& constant, T* w, const T* g, T* m, T* v, T* v_max) {
  if (Constants::alike && constant.first.weight_decay == 0) adam_as<false>(n, constant, w, g, m, v, v_max);
  else adam_as<true>(n, constant, w, g, m, v, v_max);
}

template <class T>
void adam(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max) {
  adam_any(n, OneForAll<T, AdamStep>{step}, w, g, m, v, v_max);
}
template <class T>
void adam_model_batch(int64_t n, const AdamStep* steps, T* w, const T* g, T* m, T* v, T* v_max) {
  adam_any(n, OneForEach<T, AdamStep>{*steps}, w, g, m, v, v_max);
}

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
  each_register<T>(n, Adamax<T>{broadcast<T>(step.size), broadcast<T>(step.beta2), broadcast<T>(step.eps),
                                broadcast<T>(step.weight_decay), Average<T>(step.beta1), w, g, m, u});
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
  each_register<T>(n, NAdam<T>{broadcast<T>(step.gradient_size), broadcast<T>(step.mean_size), broadcast<T>(step.eps),
                               broadcast<T>(step.weight_decay), broadcast<T>(step.shrink),
                               broadcast<T>(1 / __builtin_sqrt(step.correction2)), Average<T>(step.beta1),
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
  each_register<T>(
      n, RAdam<T, rectified>{broadcast<T>(step.size), broadcast<T>(step.eps), broadcast<T>(step.weight_decay),
                             broadcast<T>(step.shrink), Average<T>(step.beta1), Average<T>(step.beta2), w, g, m, v});
}

template <class T>
void radam(int64_t n, const RAdamStep& step, T* w, const T* g, T* m, T* v) {
  if (step.rectified) radam_as<true>(n, step, w, g, m, v);
  else radam_as<false>(n, step, w, g, m, v);
}

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
