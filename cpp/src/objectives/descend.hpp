/// The loop of a descent in two variables, compiled for each objective with each rule it knows.
#pragma once

#include <cmath>
#include <cstring>

#include "nncore/cpu.hpp"
#include "nncore/descent.hpp"

namespace nncore {
namespace {

#define NNCORE_ALWAYS_INLINE [[gnu::always_inline]] inline

/// a·b + c as the kernels have it: rounded once where their set fuses.
template <bool fused>
struct Arithmetic {
  NNCORE_ALWAYS_INLINE static double fma(double a, double b, double c) {
    if constexpr (fused) return __builtin_fma(a, b, c);
    else return a * b + c;
  }
};

// Each rule changes one number by its gradient: optimizer_update.cpp for one lane. a, b: its state.
template <bool fused>
struct PlainStep : Arithmetic<fused> {
  explicit PlainStep(const ScalarRule&) {}
  NNCORE_ALWAYS_INLINE double operator()(double w, double g, double&, double&, const Stretch& s) const {
    return this->fma(-s.rate, g, w);
  }
};

template <bool fused>
struct MomentumStep : Arithmetic<fused> {
  double momentum, intake;
  explicit MomentumStep(const ScalarRule& rule) : momentum(rule.momentum), intake(rule.intake) {}
  NNCORE_ALWAYS_INLINE double operator()(double w, double g, double& a, double&, const Stretch& s) const {
    a = this->fma(intake, g, momentum * a);
    return this->fma(-s.rate, a, w);
  }
};

template <bool fused, bool eps_inside>
struct AnyAdamStep : Arithmetic<fused> {
  double beta1, rest1, beta2, rest2, eps;
  explicit AnyAdamStep(const ScalarRule& rule)
      : beta1(rule.beta1), rest1(1 - rule.beta1), beta2(rule.beta2), rest2(1 - rule.beta2), eps(rule.eps) {}
  NNCORE_ALWAYS_INLINE double operator()(double w, double g, double& a, double& b, const Stretch& s) const {
    a = this->fma(rest1, g, beta1 * a);
    b = this->fma(rest2 * g, g, beta2 * b);
    const double root = eps_inside ? __builtin_sqrt(this->fma(b, s.correction, eps))
                                   : this->fma(__builtin_sqrt(b), s.correction, eps);
    return this->fma(-s.rate, a / root, w);
  }
};
template <bool fused>
using AdamStep = AnyAdamStep<fused, false>;
template <bool fused>
using AdamInsideStep = AnyAdamStep<fused, true>;

/// Takes steps until s.steps are done, or before the first one that ends the descent; returns how many.
template <class F, class Step>
NNCORE_ALWAYS_INLINE int64_t descend_by(const Step& step, Stretch& s) {
  double x = s.x[0], y = s.x[1], ax = 0, ay = 0, bx = 0, by = 0;
  if (s.slot0) ax = s.slot0[0], ay = s.slot0[1];
  if (s.slot1) bx = s.slot1[0], by = s.slot1[1];
  const double tolerance = s.tolerance;
  const bool stops = tolerance >= 0;
  double *path = s.path, *values = s.values;
  int64_t i = 0, until = s.until;
  for (; i < s.steps; ++i) {
    double gx, gy;
    const double f = F::at(x, y, gx, gy);
    if (stops && !(std::fabs(gx) > tolerance) && !(std::fabs(gy) > tolerance)) break;
    const double x0 = x, y0 = y, ax0 = ax, ay0 = ay, bx0 = bx, by0 = by;
    x = step(x, gx, ax, bx, s);
    y = step(y, gy, ay, by, s);
    if (!std::isfinite(x) || !std::isfinite(y)) {
      x = x0, y = y0, ax = ax0, ay = ay0, bx = bx0, by = by0;
      break;
    }
    if (until == 0) {
      *values++ = f;
      path[0] = x0, path[1] = y0;
      path += 2;
      until = s.every;
    }
    --until;
  }
  s.path = path, s.values = values, s.until = until;
  s.x[0] = x, s.x[1] = y;
  if (s.slot0) s.slot0[0] = ax, s.slot0[1] = ay;
  if (s.slot1) s.slot1[0] = bx, s.slot1[1] = by;
  return i;
}

template <class F, template <bool> class Step>
int64_t descend_plain(const ScalarRule& rule, Stretch& s) {
  return descend_by<F>(Step<false>(rule), s);
}

#ifdef NNCORE_X86
template <class F, template <bool> class Step>
[[gnu::target("fma")]] int64_t descend_fused(const ScalarRule& rule, Stretch& s) {
  return descend_by<F>(Step<true>(rule), s);
}
#endif

template <class F, template <bool> class Step>
int64_t descend_with(const ScalarRule& rule, Stretch& s) {
#ifdef NNCORE_X86
  if (std::strcmp(kernel_set(), "baseline") != 0) return descend_fused<F, Step>(rule, s);
#endif
  return descend_plain<F, Step>(rule, s);
}

template <class F>
int64_t descend(const ScalarRule& rule, Stretch& s) {
  switch (rule.kind) {
    case ScalarRule::Kind::plain: return descend_with<F, PlainStep>(rule, s);
    case ScalarRule::Kind::momentum: return descend_with<F, MomentumStep>(rule, s);
    case ScalarRule::Kind::adam: return descend_with<F, AdamStep>(rule, s);
    case ScalarRule::Kind::adam_eps_inside: return descend_with<F, AdamInsideStep>(rule, s);
    case ScalarRule::Kind::none: break;
  }
  return 0;
}

}  // namespace
}  // namespace nncore
