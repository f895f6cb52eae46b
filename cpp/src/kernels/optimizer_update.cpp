/// Parameter updates of stochastic gradient descent and Adam; optimizer_update_squares.cpp and _moments.cpp have the
/// others. Constants are computed in double and rounded to T once.
#include "kernels/declarations.hpp"
#include "kernels/range.hpp"

namespace nncore::NNCORE_ISA {
namespace {

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

template <Momentum kind, class T>
void sgd_as(int64_t n, const SgdStep& step, T* w, const T* g, T* velocity) {
  const auto all = [](double x) { return Vec<T>::all(static_cast<T>(x)); };
  const Vec<T> minus_rate = all(-step.rate), momentum = all(step.momentum), intake = all(1 - step.dampening);
  const Vec<T> weight_decay = all(step.weight_decay);
  if (step.weight_decay == 0) {
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

template <bool decay, bool amsgrad, bool eps_inside, class T>
void adam_as(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max) {
  const auto all = [](double x) { return Vec<T>::all(static_cast<T>(x)); };
  const double root = eps_inside ? step.correction2 : __builtin_sqrt(step.correction2);
  const Adam<T, decay, amsgrad, eps_inside> rule{.step_size = all(step.rate / step.correction1),
                                                 .beta1 = all(step.beta1),
                                                 .rest1 = all(1 - step.beta1),
                                                 .beta2 = all(step.beta2),
                                                 .rest2 = all(1 - step.beta2),
                                                 .eps = all(step.eps),
                                                 .weight_decay = all(step.weight_decay),
                                                 .shrink = all(step.shrink),
                                                 .correction = all(1 / root),
                                                 .w = w,
                                                 .g = g,
                                                 .m = m,
                                                 .v = v,
                                                 .v_max = v_max};
  each_register<T>(n, rule);
}

template <bool decay, bool amsgrad, class T>
void adam_as(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max) {
  if (step.eps_inside_sqrt) adam_as<decay, amsgrad, true>(n, step, w, g, m, v, v_max);
  else adam_as<decay, amsgrad, false>(n, step, w, g, m, v, v_max);
}

template <bool decay, class T>
void adam_as(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max) {
  if (v_max) adam_as<decay, true>(n, step, w, g, m, v, v_max);
  else adam_as<decay, false>(n, step, w, g, m, v, v_max);
}

template <class T>
void sgd_any(int64_t n, const SgdStep& step, T* w, const T* g, T* velocity) {
  if (step.momentum == 0) return sgd_as<Momentum::none>(n, step, w, g, velocity);
  if (step.nesterov && step.first) return sgd_as<Momentum::nesterov_first>(n, step, w, g, velocity);
  if (step.nesterov) return sgd_as<Momentum::nesterov>(n, step, w, g, velocity);
  if (step.first) return sgd_as<Momentum::first>(n, step, w, g, velocity);
  sgd_as<Momentum::running>(n, step, w, g, velocity);
}

template <class T>
void adam_any(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max) {
  if (step.weight_decay == 0) adam_as<false>(n, step, w, g, m, v, v_max);
  else adam_as<true>(n, step, w, g, m, v, v_max);
}

}  // namespace

void sgd(int64_t n, const SgdStep& step, float* w, const float* g, float* velocity) {
  sgd_any(n, step, w, g, velocity);
}
void sgd(int64_t n, const SgdStep& step, double* w, const double* g, double* velocity) {
  sgd_any(n, step, w, g, velocity);
}

void adam(int64_t n, const AdamStep& step, float* w, const float* g, float* m, float* v, float* v_max) {
  adam_any(n, step, w, g, m, v, v_max);
}
void adam(int64_t n, const AdamStep& step, double* w, const double* g, double* m, double* v, double* v_max) {
  adam_any(n, step, w, g, m, v, v_max);
}

}  // namespace nncore::NNCORE_ISA
