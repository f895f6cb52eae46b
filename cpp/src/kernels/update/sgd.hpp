/// Stochastic gradient descent with momentum, of one model or of a model batch.
#pragma once

#include "kernels/update/rule.hpp"

namespace nncore {

/// One step of stochastic gradient descent, PyTorch's: g' = g + weight_decay w; v = momentum v + (1 - dampening) g'
/// (v = g' when `first` says that it has not been set yet); w -= rate (nesterov ? g' + momentum v : v). State: v, which
/// may be null when momentum is 0. Of a model batch nesterov and first, and whether there is momentum, are those of the
/// first lane.
struct SgdStep {
  double rate, momentum, dampening, weight_decay;
  bool nesterov, first;
};

}  // namespace nncore

#ifdef NNCORE_ISA
namespace nncore::NNCORE_ISA::update {
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

template <Momentum kind, class T, class Constants>
void sgd_as(int64_t n, const Constants& constant, T* w, const T* g, T* velocity) {
  using Step = const SgdStep&;
  const Vec<T> minus_rate = constant([](Step s) { return -s.rate; });
  const Vec<T> momentum = constant([](Step s) { return s.momentum; });
  const Vec<T> intake = constant([](Step s) { return 1 - s.dampening; });
  const Vec<T> weight_decay = constant([](Step s) { return s.weight_decay; });
  if (Constants::alike && constant.first.weight_decay == 0) {
    each_register<T>(n, Sgd<T, kind, false>{minus_rate, momentum, intake, weight_decay, w, g, velocity});
  } else {
    each_register<T>(n, Sgd<T, kind, true>{minus_rate, momentum, intake, weight_decay, w, g, velocity});
  }
}

template <class T, class Constants>
void sgd_any(int64_t n, const Constants& constant, T* w, const T* g, T* const* state) {
  T* const velocity = state[0];
  const SgdStep& step = constant.first;
  if (step.momentum == 0) return sgd_as<Momentum::none>(n, constant, w, g, velocity);
  if (step.nesterov && step.first) return sgd_as<Momentum::nesterov_first>(n, constant, w, g, velocity);
  if (step.nesterov) return sgd_as<Momentum::nesterov>(n, constant, w, g, velocity);
  if (step.first) return sgd_as<Momentum::first>(n, constant, w, g, velocity);
  sgd_as<Momentum::running>(n, constant, w, g, velocity);
}

template <class T>
void sgd(int64_t n, const SgdStep& step, T* w, const T* g, T* const* state) {
  sgd_any(n, OneForAll<T, SgdStep>{step}, w, g, state);
}
template <class T>
void sgd_model_batch(int64_t n, const SgdStep* steps, T* w, const T* g, T* const* state) {
  sgd_any(n, OneForEach<T, SgdStep>{*steps}, w, g, state);
}

}  // namespace
}  // namespace nncore::NNCORE_ISA::update
#endif
