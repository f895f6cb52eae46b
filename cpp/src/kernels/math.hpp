/// exp, log, tanh and sigmoid of one vector: at most 2 ulp from the true value for every number, with and without
/// fused multiply-add, subnormal arguments and results included; NaN gives NaN.
///
/// tests/kernels/math_check.cpp measures the errors: for float over all 2^32 arguments.
#pragma once

#include "kernels/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// n ln2_high is exact for the n in use, |n| < 2^8 (float) and 2^11 (double); ln2_low is the rest of ln 2.
///
/// Polynomials, ascending coefficients, minimax by Remez and then rounded; the error stands as a share of the
/// function they serve:
///   expm1_tail  (exp(r) - 1 - r) / r^2, |r| <= ln2/2            exp   3.9e-9 (degree 4), 5.6e-18 (degree 9)
///   tanh_tail   (tanh(x)/x - 1) / z, z = x^2, |x| <= tanh_near  tanh  3.9e-9 (degree 4), 2.0e-17 (degree 9)
///   atanh_tail  (log(1+f)/s - 2) / z, s = f/(2+f), z = s^2,     log   1.1e-9 (degree 2), 1.4e-18 (degree 6)
///               sqrt(1/2) <= 1+f <= sqrt 2
template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f, inverse_ln2 = 0x1.715476p0f;
  static constexpr float expm1_tail[] = {0x1p-1f, 0x1.5554a4p-3f, 0x1.555688p-5f, 0x1.122f9cp-7f, 0x1.6b6e24p-10f};
  static constexpr float tanh_tail[] = {-0x1.55554ap-2f, 0x1.110d24p-3f, -0x1.b9283ep-5f, 0x1.593af4p-6f,
                                        -0x1.9b23c2p-8f};
  static constexpr float atanh_tail[] = {0x1.55557ap-1f, 0x1.995e4p-2f, 0x1.31f0c6p-2f};
  static constexpr float exp_lowest = -104, exp_highest = 89;     ///< beyond: 0 and inf
  static constexpr float tanh_near = 0.55f, tanh_flat = 10;       ///< the polynomial's end; beyond tanh_flat: 1
  static constexpr float sigmoid_flat = 20, safe_exponent = 64;   ///< beyond sigmoid_flat: 1; see sigmoid
};

template <>
struct Constants<double> {
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double inverse_ln2 = 0x1.71547652b82fep0;
  static constexpr double expm1_tail[] = {0x1p-1,                0x1.5555555555501p-3,  0x1.55555555531fcp-5,
                                          0x1.11111111288d5p-7,  0x1.6c16c17cc7093p-10, 0x1.a01a011c0b6p-13,
                                          0x1.a019ab1ff4346p-16, 0x1.71df55602934ap-19, 0x1.289f99208e827p-22,
                                          0x1.ad200f9ff6bd9p-26};
  static constexpr double tanh_tail[] = {-0x1.555555555549dp-2, 0x1.11111111028acp-3,  -0x1.ba1ba1ad67d39p-5,
                                         0x1.664f45c10fcd1p-6,  -0x1.226ddd180523ep-7, 0x1.d6c617a58c68dp-9,
                                         -0x1.7cf3818475caap-10, 0x1.2fa1229d5da0dp-11, -0x1.b900842399e62p-13,
                                         0x1.abe75e73760dcp-15};
  static constexpr double atanh_tail[] = {0x1.5555555555594p-1, 0x1.999999997f3c9p-2, 0x1.2492494288613p-2,
                                          0x1.c71c5186504e1p-3, 0x1.74665b60e2ca3p-3, 0x1.399eb52aef966p-3,
                                          0x1.2f254d434b783p-3};
  static constexpr double exp_lowest = -746, exp_highest = 710;
  static constexpr double tanh_near = 0.55, tanh_flat = 20;
  static constexpr double sigmoid_flat = 40, safe_exponent = 512;
};

/// c[first] + c[first+2] x^2 + c[first+4] x^4 + ..., from the last coefficient down.
template <int first, class T, int count>
NNCORE_INLINE Vec<T> every_second(const T (&c)[count], Vec<T> x2) {
  constexpr int last = count - 1 - (count - 1 - first) % 2;
  Vec<T> sum = Vec<T>::all(c[last]);
#pragma GCC unroll 8
  for (int i = last - 2; i >= first; i -= 2) sum = fma(sum, x2, Vec<T>::all(c[i]));
  return sum;
}

/// The polynomial with ascending coefficients c, as two chains, even and odd, of half the latency of one.
template <class T, int count>
NNCORE_INLINE Vec<T> polynomial(const T (&c)[count], Vec<T> x, Vec<T> x2) {
  return fma(every_second<1>(c, x2), x, every_second<0>(c, x2));
}

/// x * 2^n for integer-valued n with 2^n a normal number; rounded once where the result is subnormal.
template <class T>
NNCORE_INLINE Vec<T> times_two_to(Vec<T> n, Vec<T> x) {
#if NNCORE_AVX512
  return scale(x, n);
#else
  return x * power_of_two(to_int(n));
#endif
}

/// exp(x) = 2^n (1 + q), -0.3 < q < 0.42.
template <class T>
struct Exponential {
  Vec<T> n, q;
};
template <class T>
NNCORE_INLINE Exponential<T> exponential(Vec<T> x) {
  using K = Constants<T>;
  const Vec<T> n = round(x * Vec<T>::all(K::inverse_ln2));
  const Vec<T> r = fnma(n, Vec<T>::all(K::ln2_low), fnma(n, Vec<T>::all(K::ln2_high), x)), r2 = r * r;
  return {n, fma(r2, polynomial(K::expm1_tail, r, r2), r)};
}

/// x kept in [low, high]; NaN stays.
template <class T>
NNCORE_INLINE Vec<T> clamp(Vec<T> x, T low, T high) {
  return max(Vec<T>::all(low), min(Vec<T>::all(high), x));
}

template <class T>
NNCORE_INLINE Vec<T> exp(Vec<T> x) {
  const Exponential<T> e = exponential(clamp(x, Constants<T>::exp_lowest, Constants<T>::exp_highest));
  return scale(Vec<T>::all(T(1)) + e.q, e.n);
}

// |x| < 0.55: x + x z P(z), P = tanh_tail. Elsewhere 1 - 2 / (exp(2|x|) + 1): the quotient is at most 1/2, so its
// roundings weigh little. One formula for both, (e-1) / (e+1), would be shorter and reach 2.3 ulp.
template <class T>
NNCORE_INLINE Vec<T> tanh(Vec<T> x) {
  using K = Constants<T>;
  const Vec<T> one = Vec<T>::all(T(1)), two = Vec<T>::all(T(2)), size = abs(x), z = x * x;
  const Exponential<T> e = exponential(two * min(Vec<T>::all(K::tanh_flat), size));
  const Vec<T> p = times_two_to(e.n, one), far = one - two / fma(p, e.q, p + one);
  const Vec<T> near = fma(size * z, polynomial(K::tanh_tail, z, z * z), size);
  return copysign(select(size < Vec<T>::all(K::tanh_near), near, far), x);
}

// 1 / (1 + exp(-x)) = 1 / d with d = 1 + p + p q, p = 2^n. Added as larger(1, p) + (p q + smaller(1, p)), d is off by
// little more than its last rounding; the usual 1 + p (1 + q) rounds once more and reaches 2.13 ulp. The worst case
// left is x just below 0, where 1 + (1 + q) rounds twice: its bound is 2 ulp, attained to 0.1 %.
// p stops at 2^safe_exponent so that d is finite; the rest of 2^-n comes last and makes the subnormal results.
template <class T>
NNCORE_INLINE Vec<T> sigmoid(Vec<T> x) {
  using K = Constants<T>;
  const Vec<T> one = Vec<T>::all(T(1));
  const Exponential<T> e = exponential(clamp(-x, -K::sigmoid_flat, -K::exp_lowest));
  const Vec<T> n = min(Vec<T>::all(K::safe_exponent), e.n), p = times_two_to(n, one);
  const Vec<T> d = max(p, one) + fma(p, e.q, min(p, one));
  return times_two_to(n - e.n, one / d);
}

// x = 2^n (1 + f), 1 + f in [sqrt(1/2), sqrt 2); log(1 + f) = f - (f^2/2 - s (f^2/2 + z P(z))) with s = f / (2 + f),
// z = s^2, P = atanh_tail: f is exact and what is taken from it is small, so its roundings weigh little.
template <class T>
NNCORE_INLINE Vec<T> log(Vec<T> x) {
  using K = Constants<T>;
  constexpr T inf = static_cast<T>(__builtin_inf()), nan = static_cast<T>(__builtin_nan(""));
  const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::all(T(1)), half = Vec<T>::all(T(0.5));
  const Split<T> parts = split(x);
  const Mask<T> large = parts.mantissa > Vec<T>::all(T(1.4142135623730951));
  const Vec<T> n = select(large, parts.exponent + one, parts.exponent);
  const Vec<T> f = select(large, parts.mantissa * half, parts.mantissa) - one;
  const Vec<T> s = f / (f + Vec<T>::all(T(2))), z = s * s, half_f2 = half * f * f;
  const Vec<T> tail = fma(s, fma(z, polynomial(K::atanh_tail, z, z * z), half_f2), n * Vec<T>::all(K::ln2_low));
  const Vec<T> y = fma(n, Vec<T>::all(K::ln2_high), f - (half_f2 - tail));
  // 0 -> -inf, negative -> NaN; inf and NaN stay
  const Vec<T> rest = select(x == zero, Vec<T>::all(-inf), select(x < zero, Vec<T>::all(nan), x));
  return select((x > zero) & (x < Vec<T>::all(inf)), y, rest);
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
