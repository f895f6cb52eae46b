/// exp, log, tanh, sigmoid and what ELU, Softplus and GELU are made of, of one vector: at most 2 ulp from the true
/// value for every number, with and without fused multiply-add, subnormal arguments and results included; NaN gives
/// NaN.
///
/// tests/kernels/math_check.cpp measures the errors: for float over all 2^32 arguments.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// n ln2_high is exact for the n in use, |n| < 2^8 (float) and 2^11 (double); ln2_low is the rest of ln 2.
///
/// Polynomials, ascending coefficients, minimax by Remez (mills: through the Chebyshev nodes) and then rounded; the
/// error stands as a share of the function they serve:
///   expm1_tail  (exp(r) - 1 - r) / r^2, |r| <= ln2/2            exp   3.9e-9 (degree 4), 5.6e-18 (degree 9)
///   tanh_tail   (tanh(x)/x - 1) / z, z = x^2, |x| <= tanh_near  tanh  3.9e-9 (degree 4), 2.0e-17 (degree 9)
///   atanh_tail  (log(1+f)/s - 2) / z, s = f/(2+f), z = s^2,     log   1.1e-9 (degree 2), 1.4e-18 (degree 6)
///               sqrt(1/2) <= 1+f <= sqrt 2
///   mills       (t+4) R(t), see gauss_tail_ratio                R     2.9e-9 (degree 10), 2.2e-18 (degree 24)
template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f, inverse_ln2 = 0x1.715476p0f;
  static constexpr float expm1_tail[] = {0x1p-1f, 0x1.5554a4p-3f, 0x1.555688p-5f, 0x1.122f9cp-7f, 0x1.6b6e24p-10f};
  static constexpr float tanh_tail[] = {-0x1.55554ap-2f, 0x1.110d24p-3f, -0x1.b9283ep-5f, 0x1.593af4p-6f,
                                        -0x1.9b23c2p-8f};
  static constexpr float atanh_tail[] = {0x1.55557ap-1f, 0x1.995e4p-2f, 0x1.31f0c6p-2f};
  static constexpr float mills[] = {0x1.82b4bcp-1f, -0x1.373e3cp-1f, 0x1.8c6dbcp-2f,  -0x1.7dfedep-3f,
                                    0x1.eec6cep-5f, -0x1.ee7c98p-8f, -0x1.c95a1p-9f,  0x1.af48ccp-10f,
                                    0x1.66ba3ep-13f, -0x1.e61df8p-13f, -0x1.b07cfp-15f};
  static constexpr float mills_low[] = {-0x1.c68d7ap-27f, 0x1.c76db4p-26f, 0x1.f4e81ap-27f};  ///< what rounding took
  static constexpr float gauss_end = 15, gauss_cut = 256;        ///< beyond: 0; bits behind the point, see gauss
  static constexpr float exp_lowest = -104, exp_highest = 89;     ///< beyond: 0 and inf
  static constexpr float tanh_near = 0.55f, tanh_flat = 10;       ///< the polynomial's end; beyond tanh_flat: 1
  static constexpr float sigmoid_flat = 20, sigmoid_zero = -110;  ///< beyond: 1 and 0
  static constexpr float safe_exponent = 64;                      ///< see times_sigmoid
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
  static constexpr double mills[] = {
      0x1.82b4bb8c94dcep-1,   -0x1.373e3a893c28ap-1,  0x1.8c6dbf2cfc2b1p-2,   -0x1.7dff2bff683b4p-3,
      0x1.eec4cc3e4d7f2p-5,   -0x1.ee2761047889ep-8,  -0x1.c81719d5c10dcp-9,  0x1.ab825fbf65b69p-10,
      0x1.17a4ae851932ep-13,  -0x1.e4a424fd84275p-13, -0x1.001edbcd0e89ap-19, 0x1.26d08f65c4ff2p-15,
      0x1.80baa16a9c2aap-21,  -0x1.8d49ebe4a9497p-18, -0x1.51fb943c2c413p-21, 0x1.122a5f17fbb8dp-20,
      0x1.23872292c6acap-22,  -0x1.4c4352d9063e7p-23, -0x1.6d3f0e7e5e128p-24, 0x1.c2d4773d6ec89p-27,
      0x1.4c5f1038eb0b5p-26,  0x1.0df9a2d22ac96p-29,  -0x1.4c20ba116ea25p-29, -0x1.8f97cbc9023ffp-31,
      -0x1.f675af45fb0dp-37};
  static constexpr double mills_low[] = {-0x1.a1656caab995fp-56, -0x1.9e3753e90e35ap-58, 0x1.c2afb40f723e2p-57};
  static constexpr double gauss_end = 39, gauss_cut = 0x1p20;
  static constexpr double exp_lowest = -746, exp_highest = 710;
  static constexpr double tanh_near = 0.55, tanh_flat = 20;
  static constexpr double sigmoid_flat = 40, sigmoid_zero = -755, safe_exponent = 512;
};

/// c[first] + c[first+2] x^2 + c[first+4] x^4 + ..., from the last coefficient down.
template <int first, class T, int count>
NNCORE_INLINE Vec<T> every_second(const T (&c)[count], Vec<T> x2) {
  constexpr int last = count - 1 - (count - 1 - first) % 2;
  Vec<T> sum = Vec<T>::broadcast(c[last]);
#pragma GCC unroll 16
  for (int i = last - 2; i >= first; i -= 2) sum = fma(sum, x2, Vec<T>::broadcast(c[i]));
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
  if constexpr (kHasScale<T>) return scale(x, n);
  else return x * power_of_two(to_int(n));
}

/// exp(x) = 2^n (1 + q), -0.3 < q < 0.42.
template <class T>
struct Exponential {
  Vec<T> n, q;
};
/// x - n ln2, the rest after n powers of two are taken out of exp(x).
template <class T>
NNCORE_INLINE Vec<T> rest_of(Vec<T> x, Vec<T> n) {
  return fnma(n, Vec<T>::broadcast(Constants<T>::ln2_low), fnma(n, Vec<T>::broadcast(Constants<T>::ln2_high), x));
}
/// 2^n exp(r).
template <class T>
NNCORE_INLINE Exponential<T> exponential(Vec<T> n, Vec<T> r) {
  const Vec<T> r2 = r * r;
  return {n, fma(r2, polynomial(Constants<T>::expm1_tail, r, r2), r)};
}
template <class T>
NNCORE_INLINE Exponential<T> exponential(Vec<T> x) {
  const Vec<T> n = round(x * Vec<T>::broadcast(Constants<T>::inverse_ln2));
  return exponential(n, rest_of(x, n));
}

/// x kept in [low, high]; NaN stays.
template <class T>
NNCORE_INLINE Vec<T> clamp(Vec<T> x, T low, T high) {
  return max(Vec<T>::broadcast(low), min(Vec<T>::broadcast(high), x));
}

template <class T>
NNCORE_INLINE Vec<T> exp(Vec<T> x) {
  const Exponential<T> e = exponential(clamp(x, Constants<T>::exp_lowest, Constants<T>::exp_highest));
  return scale(Vec<T>::broadcast(T(1)) + e.q, e.n);
}

// |x| < 0.55: x + x z P(z), P = tanh_tail. Elsewhere 1 - 2 / (exp(2|x|) + 1): the quotient is at most 1/2, so its
// roundings weigh little. One formula for both, (e-1) / (e+1), would be shorter and reach 2.3 ulp.
template <class T>
NNCORE_INLINE Vec<T> tanh(Vec<T> x) {
  using K = Constants<T>;
  const Vec<T> one = Vec<T>::broadcast(T(1)), two = Vec<T>::broadcast(T(2)), size = abs(x), z = x * x;
  const Exponential<T> e = exponential(two * min(Vec<T>::broadcast(K::tanh_flat), size));
  const Vec<T> p = times_two_to(e.n, one), far = one - two / fma(p, e.q, p + one);
  const Vec<T> near = fma(size * z, polynomial(K::tanh_tail, z, z * z), size);
  return copysign(select(size < Vec<T>::broadcast(K::tanh_near), near, far), x);
}

// a / (1 + exp(-x)) = a / d with d = 1 + p + p q, p = 2^n. Added as larger(1, p) + (p q + smaller(1, p)), d is off by
// little more than its last rounding; the usual 1 + p (1 + q) rounds once more and reaches 2.13 ulp. The worst case
// left is x just below 0, where 1 + (1 + q) rounds twice: its bound is 2 ulp, attained to 0.1 %.
// p stops at 2^safe_exponent so that d is finite; the rest of 2^-n comes last and makes the subnormal results.
// |a| below 150: then the result is 0 where x < sigmoid_zero; any a for larger x.
template <class T>
NNCORE_INLINE Vec<T> times_sigmoid(Vec<T> a, Vec<T> x) {
  using K = Constants<T>;
  const Vec<T> one = Vec<T>::broadcast(T(1));
  const Exponential<T> e = exponential(clamp(-x, -K::sigmoid_flat, -K::sigmoid_zero));
  const Vec<T> n = min(Vec<T>::broadcast(K::safe_exponent), e.n), p = times_two_to(n, one);
  const Vec<T> d = max(p, one) + fma(p, e.q, min(p, one));
  return times_two_to(n - e.n, a / d);
}
template <class T>
NNCORE_INLINE Vec<T> sigmoid(Vec<T> x) { return times_sigmoid(Vec<T>::broadcast(T(1)), x); }

// log(2^n (1 + f)), 1 + f in [sqrt(1/2), sqrt 2]: log(1 + f) = f - (f^2/2 - s (f^2/2 + z P(z))) with s = f / (2 + f),
// z = s^2, P = atanh_tail: f is exact and what is taken from it is small, so its roundings weigh little.
template <class T>
NNCORE_INLINE Vec<T> log_of(Vec<T> n, Vec<T> f) {
  using K = Constants<T>;
  const Vec<T> s = f / (f + Vec<T>::broadcast(T(2))), z = s * s, half_f2 = Vec<T>::broadcast(T(0.5)) * f * f;
  const Vec<T> tail = fma(s, fma(z, polynomial(K::atanh_tail, z, z * z), half_f2), n * Vec<T>::broadcast(K::ln2_low));
  return fma(n, Vec<T>::broadcast(K::ln2_high), f - (half_f2 - tail));
}

template <class T>
NNCORE_INLINE Vec<T> log(Vec<T> x) {
  constexpr T inf = static_cast<T>(__builtin_inf()), nan = static_cast<T>(__builtin_nan(""));
  const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::broadcast(T(1)), half = Vec<T>::broadcast(T(0.5));
  const Split<T> parts = split(x);
  const Mask<T> large = parts.mantissa > Vec<T>::broadcast(T(1.4142135623730951));
  const Vec<T> n = select(large, parts.exponent + one, parts.exponent);
  const Vec<T> y = log_of(n, select(large, parts.mantissa * half, parts.mantissa) - one);
  // 0 -> -inf, negative -> NaN; inf and NaN stay
  const Vec<T> rest = select(x == zero, Vec<T>::broadcast(-inf), select(x < zero, Vec<T>::broadcast(nan), x));
  return select((x > zero) & (x < Vec<T>::broadcast(inf)), y, rest);
}

/// exp(x) - 1 for x <= 0, with all its digits near 0 and the sign of a zero.
template <class T>
NNCORE_INLINE Vec<T> expm1_below_zero(Vec<T> x) {
  const Vec<T> one = Vec<T>::broadcast(T(1));
  const Exponential<T> e = exponential(max(Vec<T>::broadcast(-Constants<T>::sigmoid_flat), x));
  const Vec<T> p = times_two_to(e.n, one);
  return select(x == Vec<T>::zero(), x, fma(p, e.q, p - one));
}

/// log(1 + exp(x)) for x <= 0; where exp(x) is above sqrt 2 - 1, 1 + exp(x) is halved as in log.
template <class T>
NNCORE_INLINE Vec<T> log1p_exp_below_zero(Vec<T> x) {
  const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::broadcast(T(1)), half = Vec<T>::broadcast(T(0.5)), e = exp(x);
  const Mask<T> large = e > Vec<T>::broadcast(T(0.41421356237309503));
  return log_of(select(large, one, zero), select(large, half * (e - one), e));
}

/// a b - p, exact for p = a b rounded.
template <class T>
NNCORE_INLINE Vec<T> rest_of_product(Vec<T> a, Vec<T> b, Vec<T> p) {
  if constexpr (kFused) {
    return fma(a, b, -p);
  } else {
    // Dekker: the products of half as many digits are exact
    const Vec<T> by = Vec<T>::broadcast(T(1 + (int64_t{1} << (Format<T>::mantissa_bits / 2 + 1))));
    const Vec<T> ca = by * a, cb = by * b, a1 = ca - (ca - a), b1 = cb - (cb - b), a2 = a - a1, b2 = b - b1;
    return ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
  }
}

/// a + b - s, exact for s = a + b rounded. Where b's exponent is not larger than a's, so is b - (s - a).
template <class T>
NNCORE_INLINE Vec<T> rest_of_sum(Vec<T> a, Vec<T> b, Vec<T> s) {
  const Vec<T> part = s - a;
  return (a - (s - part)) + (b - part);
}

/// The density exp(-t^2/2), t in [0, gauss_end], as 2^n exp(r + low). t^2 is too large to be rounded before it meets
/// exp, so t is cut at a few bits behind the point: the square of the first part is exact.
template <class T>
struct Gauss {
  Vec<T> n, r, low;
};
template <class T>
NNCORE_INLINE Gauss<T> gauss(Vec<T> t) {
  using K = Constants<T>;
  const Vec<T> half = Vec<T>::broadcast(T(0.5));
  const Vec<T> head = round(t * Vec<T>::broadcast(K::gauss_cut)) * Vec<T>::broadcast(1 / K::gauss_cut);
  const Vec<T> x = -half * head * head, n = round(x * Vec<T>::broadcast(K::inverse_ln2));
  const Vec<T> large = fnma(n, Vec<T>::broadcast(K::ln2_high), x);
  const Vec<T> small = fnma(n, Vec<T>::broadcast(K::ln2_low), -half * (t - head) * (t + head)), r = large + small;
  return {n, r, (large - r) + small};
}

// The upper tail of the normal distribution is Q(t) = P(X > t) = exp(-t^2/2) R(t). R (Mills' ratio / sqrt(2 pi)) is
// P(u) / (t + 4) with u = (t - 4) / (t + 4), P = mills.

/// R(t), to a few ulp.
template <class T>
NNCORE_INLINE Vec<T> gauss_tail_ratio(Vec<T> t) {
  const Vec<T> four = Vec<T>::broadcast(T(4)), w = Vec<T>::broadcast(T(1)) / (t + four), u = (t - four) * w;
  return polynomial(Constants<T>::mills, u, u * u) * w;
}

/// t Q(t), whose two roundings that weigh are the last sum and the last but one: whatever else is rounded before, from
/// w = 1 / (t + 4) and u = 1 - 8w over the last three steps of P(u) to t R(t), keeps a low part.
template <class T>
NNCORE_INLINE Vec<T> t_times_gauss_tail(Vec<T> t) {
  using K = Constants<T>;
  const auto all = [](auto x) { return Vec<T>::broadcast(T(x)); };
  const Vec<T> one = all(1), four = all(4), eight = all(8);
  const Vec<T> below = t + four, w = one / below;  // 8w and below - 4 are exact
  const Vec<T> w_low = -w * fma(w, t - (below - four), rest_of_product(w, below, one));
  const Vec<T> u = fnma(eight, w, one), u_low = fnma(eight, w_low, (one - u) - eight * w), u2 = u * u;

  const Vec<T> p3 = fma(every_second<4>(K::mills, u2), u, every_second<3>(K::mills, u2));
  const Vec<T> c2 = all(K::mills[2]), up3 = u * p3, p2 = c2 + up3;
  const Vec<T> p2_low = (up3 - (p2 - c2)) + (rest_of_product(u, p3, up3) + all(K::mills_low[2]));
  const Vec<T> c1 = all(K::mills[1]), up2 = u * p2, p1 = c1 + up2;
  const Vec<T> p1_low = fma(u, p2_low, (up2 - (p1 - c1)) + (rest_of_product(u, p2, up2) + all(K::mills_low[1])));
  const Vec<T> c0 = all(K::mills[0]), up1 = u * p1, p = c0 + up1, slope = fma(u, p2, p1);
  const Vec<T> rounded = rest_of_sum(c0, up1, p) + (rest_of_product(u, p1, up1) + all(K::mills_low[0]));
  const Vec<T> p_low = fma(u_low, slope, fma(u, p1_low, rounded));

  const Vec<T> ratio = p * w, ratio_low = fma(p, w_low, fma(p_low, w, rest_of_product(p, w, ratio)));
  const Vec<T> y = t * ratio, y_low = fma(t, ratio_low, rest_of_product(t, ratio, y));
  // times exp(r + low) = 1 + (r + low + r^2 tail(r))
  const Gauss<T> g = gauss(t);
  const Vec<T> r2 = g.r * g.r, bend = fma(r2, polynomial(K::expm1_tail, g.r, r2), g.low);
  return scale(fma(y, g.r, fma(y, bend, fma(y_low, g.r + bend, y_low))) + y, g.n);
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
