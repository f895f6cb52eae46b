/// The loop of a descent in two variables, compiled for each objective with each rule it knows.
#pragma once

#include <cmath>
#include <cstring>

#include "nncore/cpu.hpp"
#include "objectives/update_rule.hpp"

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

// Each rule changes one number by its gradient, with the operations of kernels/update. a, b: its state.
template <bool fused>
struct PlainStep : Arithmetic<fused> {
  explicit PlainStep(const UpdateRule&) {}
  NNCORE_ALWAYS_INLINE double operator()(double w, double g, double&, double&, const StepRun& s) const {
    return this->fma(-s.rate, g, w);
  }
};

template <bool fused>
struct MomentumStep : Arithmetic<fused> {
  double momentum, gradient_share;
  explicit MomentumStep(const UpdateRule& rule) : momentum(rule.momentum), gradient_share(rule.gradient_share) {}
  NNCORE_ALWAYS_INLINE double operator()(double w, double g, double& a, double&, const StepRun& s) const {
    a = this->fma(gradient_share, g, momentum * a);
    return this->fma(-s.rate, a, w);
  }
};

template <bool fused, bool eps_inside>
struct AnyAdamStep : Arithmetic<fused> {
  double beta1, rest1, beta2, rest2, eps;
  explicit AnyAdamStep(const UpdateRule& rule)
      : beta1(rule.beta1), rest1(1 - rule.beta1), beta2(rule.beta2), rest2(1 - rule.beta2), eps(rule.eps) {}
  NNCORE_ALWAYS_INLINE double operator()(double w, double g, double& a, double& b, const StepRun& s) const {
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

/// Takes steps until s.steps are done or the next one would end the descent; returns how many.
template <class F, class Step>
NNCORE_ALWAYS_INLINE int64_t descend_by(const Step& step, StepRun& s) {
  double x = s.x[0], y = s.x[1], ax = 0, ay = 0, bx = 0, by = 0;
  if (s.state0) ax = s.state0[0], ay = s.state0[1];
  if (s.state1) bx = s.state1[0], by = s.state1[1];
  const double tolerance = s.tolerance;
  const bool stops = tolerance >= 0;
  double *path = s.path, *values = s.values;
  int64_t i = 0, until_record = s.until_record;
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
    if (until_record == 0) {
      *values++ = f;
      path[0] = x0, path[1] = y0;
      path += 2;
      until_record = s.record_every;
    }
    --until_record;
  }
  s.path = path, s.values = values, s.until_record = until_record;
  s.x[0] = x, s.x[1] = y;
  if (s.state0) s.state0[0] = ax, s.state0[1] = ay;
  if (s.state1) s.state1[0] = bx, s.state1[1] = by;
  return i;
}

template <class F, template <bool> class Step>
int64_t descend_plain(const UpdateRule& rule, StepRun& s) {
  return descend_by<F>(Step<false>(rule), s);
}

#ifdef NNCORE_X86
template <class F, template <bool> class Step>
[[gnu::target("fma")]] int64_t descend_fused(const UpdateRule& rule, StepRun& s) {
  return descend_by<F>(Step<true>(rule), s);
}
#endif

template <class F, template <bool> class Step>
int64_t descend_with(const UpdateRule& rule, StepRun& s) {
#ifdef NNCORE_X86
  if (std::strcmp(kernel_set(), "baseline") != 0) return descend_fused<F, Step>(rule, s);
#endif
  return descend_plain<F, Step>(rule, s);
}

template <class F>
int64_t descend(const UpdateRule& rule, StepRun& s) {
  switch (rule.kind) {
    case UpdateRule::Kind::plain: return descend_with<F, PlainStep>(rule, s);
    case UpdateRule::Kind::momentum: return descend_with<F, MomentumStep>(rule, s);
    case UpdateRule::Kind::adam: return descend_with<F, AdamStep>(rule, s);
    case UpdateRule::Kind::adam_eps_inside: return descend_with<F, AdamInsideStep>(rule, s);
    case UpdateRule::Kind::none: break;
  }
  return 0;
}

}  // namespace
}  // namespace nncore
