/// The activation functions of one vector: y = f(x) and dx = dy f'(x), with f' computed from the saved output y, or
/// from x where it is not computable from y (Elu and those below it).
#pragma once

#include "kernels/simd/math.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// max(x, 0). NaN stays NaN in y, and lets dy through, as in PyTorch.
template <class T>
struct Relu {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return max(Vec<T>::zero(), x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return select(y <= Vec<T>::zero(), Vec<T>::zero(), dy); }
};

/// x where x > 0, slope x elsewhere; slope >= 0, so that y > 0 exactly where x > 0.
template <class T>
struct LeakyRelu {
  Vec<T> slope;
  NNCORE_INLINE explicit LeakyRelu(const T* a) : slope(Vec<T>::broadcast(a)) {}
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return select(x > Vec<T>::zero(), x, slope * x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return select(y > Vec<T>::zero(), dy, slope * dy); }
};

template <class T>
struct Tanh {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return tanh(x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return dy * fnma(y, y, Vec<T>::broadcast(T(1))); }
};

template <class T>
struct Sigmoid {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return sigmoid(x); }
  NNCORE_INLINE Vec<T> backward(Vec<T> y, Vec<T> dy) const { return dy * y * (Vec<T>::broadcast(T(1)) - y); }
};

/// x where x > 0, alpha (e^x - 1) elsewhere. The derivative, y + alpha, would cancel for large -x.
template <class T>
struct Elu {
  Vec<T> alpha;
  NNCORE_INLINE explicit Elu(const T* a) : alpha(Vec<T>::broadcast(a)) {}
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const {
    return select(x <= Vec<T>::zero(), alpha * expm1_below_zero(min(Vec<T>::zero(), x)), x);
  }
  NNCORE_INLINE Vec<T> backward(Vec<T> x, Vec<T> dy) const {
    return select(x <= Vec<T>::zero(), dy * (alpha * exp(min(Vec<T>::zero(), x))), dy);
  }
};

/// log(1 + e^(beta x)) / beta, or x where beta x > threshold.
template <class T>
struct Softplus {
  Vec<T> beta, threshold;
  NNCORE_INLINE explicit Softplus(const T* a) : beta(Vec<T>::broadcast(a)), threshold(Vec<T>::broadcast(a + 1)) {}
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const {
    const Vec<T> z = beta * x, smooth = max(Vec<T>::zero(), z) + log1p_exp_below_zero(-abs(z));
    return select(z > threshold, x, smooth / beta);
  }
  NNCORE_INLINE Vec<T> backward(Vec<T> x, Vec<T> dy) const {
    const Vec<T> z = beta * x;
    return select(z > threshold, dy, dy * sigmoid(z));
  }
};

/// sigmoid(v) and 1 - sigmoid(v), both to full relative accuracy: the smaller one is computed.
template <class T>
struct SigmoidPair {
  Vec<T> s, rest;
};
template <class T>
NNCORE_INLINE SigmoidPair<T> sigmoid_pair(Vec<T> v) {
  const Vec<T> small = sigmoid(-abs(v)), large = Vec<T>::broadcast(T(1)) - small;
  const Mask<T> positive = v > Vec<T>::zero();
  return {select(positive, large, small), select(positive, small, large)};
}

/// x sigmoid(x).
template <class T>
struct Silu {
  static constexpr T zero = Constants<T>::sigmoid_zero;
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return times_sigmoid(max(Vec<T>::broadcast(zero), x), x); }
  // s + x s (1 - s); where x is clamped s (1 - s) is 0
  NNCORE_INLINE Vec<T> backward(Vec<T> x, Vec<T> dy) const {
    const SigmoidPair<T> p = sigmoid_pair(x);
    return dy * fma(clamp(x, zero, -zero), p.s * p.rest, p.s);
  }
};

/// x P(X <= x), X normal: x (1 - Q(x)) for x >= 0 and x Q(-x) for x < 0, Q the upper tail.
template <class T>
struct Gelu {
  NNCORE_INLINE static Vec<T> size(Vec<T> x) { return min(Vec<T>::broadcast(Constants<T>::gauss_end), abs(x)); }
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const {
    const Vec<T> q = t_times_gauss_tail(size(x));
    return select(x < Vec<T>::zero(), -q, x - q);
  }
  // P(X <= x) + x d(x), d the density e^(-x^2/2) / sqrt(2 pi): Q - t d for x < 0, 1 - (Q - t d) for x >= 0
  NNCORE_INLINE Vec<T> backward(Vec<T> x, Vec<T> dy) const {
    const Vec<T> t = size(x), one = Vec<T>::broadcast(T(1));
    const Gauss<T> g = gauss(t);
    const Vec<T> r = fnma(t, Vec<T>::broadcast(T(0.3989422804014327)), gauss_tail_ratio(t));
    const Vec<T> m = scale(fma(r, exponential(g.n, g.r).q, r), g.n);
    return dy * select(x < Vec<T>::zero(), m, one - m);
  }
};

/// x (1 + tanh(v/2)) / 2 = x sigmoid(v), v = 2 sqrt(2/pi) (x + 0.044715 x^3).
template <class T>
struct GeluTanh {
  static constexpr T linear = T(1.5957691216057308), cubic = T(1.5957691216057308 * 0.044715), flat = 40;
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const {
    const Vec<T> z = clamp(x, -flat, flat);  // beyond sigmoid(v) is 0 or 1
    return times_sigmoid(max(Vec<T>::broadcast(-flat), x),
                         z * fma(z * z, Vec<T>::broadcast(cubic), Vec<T>::broadcast(linear)));
  }
  NNCORE_INLINE Vec<T> backward(Vec<T> x, Vec<T> dy) const {
    const Vec<T> z = clamp(x, -flat, flat), z2 = z * z;
    const SigmoidPair<T> p = sigmoid_pair(z * fma(z2, Vec<T>::broadcast(cubic), Vec<T>::broadcast(linear)));
    const Vec<T> slope = fma(z2, Vec<T>::broadcast(3 * cubic), Vec<T>::broadcast(linear));
    return dy * fma(z * slope, p.s * p.rest, p.s);
  }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
