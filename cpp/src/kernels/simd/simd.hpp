/// Arithmetic on vector registers for the instruction set this file is compiled for: what every kernel is made of.
/// Vec<T>, Mask<T>, IntVec<T> and FirstLanes<T> with their loads, stores and operators are in simd_types.hpp.
#pragma once

#include "kernels/simd/types.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
NNCORE_INLINE IntVec<T> as_bits(Vec<T> a) { return {(typename IntVec<T>::N)a.v}; }

template <class T>
NNCORE_INLINE Vec<T> as_float(IntVec<T> a) { return {(typename Vec<T>::N)a.v}; }

/// a * b + c, rounded once where the set has fused multiply-add.
template <class T>
NNCORE_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_fmadd_ps(a.v, b.v, c.v)};
  else return {_mm512_fmadd_pd(a.v, b.v, c.v)};
#elif NNCORE_AVX2
  if constexpr (sizeof(T) == 4) return {_mm256_fmadd_ps(a.v, b.v, c.v)};
  else return {_mm256_fmadd_pd(a.v, b.v, c.v)};
#else
  return a * b + c;
#endif
}

/// c - a * b.
template <class T>
NNCORE_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
  else return {_mm512_fnmadd_pd(a.v, b.v, c.v)};
#elif NNCORE_AVX2
  if constexpr (sizeof(T) == 4) return {_mm256_fnmadd_ps(a.v, b.v, c.v)};
  else return {_mm256_fnmadd_pd(a.v, b.v, c.v)};
#else
  return c - a * b;
#endif
}

template <class T>
NNCORE_INLINE Vec<T> select(Mask<T> m, Vec<T> a, Vec<T> b) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_mask_blend_ps(m.v, b.v, a.v)};
  else return {_mm512_mask_blend_pd(m.v, b.v, a.v)};
#else
  return {m.v ? a.v : b.v};
#endif
}

/// a < b ? a : b; so b when either is NaN.
template <class T>
NNCORE_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_min_ps(a.v, b.v)};
  else return {_mm512_min_pd(a.v, b.v)};
#elif NNCORE_AVX2
  if constexpr (sizeof(T) == 4) return {_mm256_min_ps(a.v, b.v)};
  else return {_mm256_min_pd(a.v, b.v)};
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return {_mm_min_ps(a.v, b.v)};
  else return {_mm_min_pd(a.v, b.v)};
#else
  return select(a < b, a, b);
#endif
}

/// a > b ? a : b; so b when either is NaN.
template <class T>
NNCORE_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_max_ps(a.v, b.v)};
  else return {_mm512_max_pd(a.v, b.v)};
#elif NNCORE_AVX2
  if constexpr (sizeof(T) == 4) return {_mm256_max_ps(a.v, b.v)};
  else return {_mm256_max_pd(a.v, b.v)};
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return {_mm_max_ps(a.v, b.v)};
  else return {_mm_max_pd(a.v, b.v)};
#else
  return select(a > b, a, b);
#endif
}

template <class T>
NNCORE_INLINE Vec<T> sqrt(Vec<T> a) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_sqrt_ps(a.v)};
  else return {_mm512_sqrt_pd(a.v)};
#elif NNCORE_AVX2
  if constexpr (sizeof(T) == 4) return {_mm256_sqrt_ps(a.v)};
  else return {_mm256_sqrt_pd(a.v)};
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return {_mm_sqrt_ps(a.v)};
  else return {_mm_sqrt_pd(a.v)};
#else
  for (int i = 0; i < Vec<T>::lanes; ++i) a.v[i] = static_cast<T>(__builtin_sqrt(a.v[i]));
  return a;
#endif
}

/// The same value, kept in a register: without this the compiler may make every use a load of its own.
template <class T>
NNCORE_INLINE Vec<T> in_register(Vec<T> a) {
#if NNCORE_AVX512
  asm("" : "+v"(a.v));
#elif defined(__x86_64__)
  asm("" : "+x"(a.v));
#elif defined(__aarch64__)
  asm("" : "+w"(a.v));
#endif
  return a;
}

// Bit operations on the patterns of the numbers: signs, absolute values, masked zeros.
template <class T>
NNCORE_INLINE Vec<T> bit_and(Vec<T> a, Vec<T> b) { return as_float<T>(as_bits(a) & as_bits(b)); }
template <class T>
NNCORE_INLINE Vec<T> bit_or(Vec<T> a, Vec<T> b) { return as_float<T>(as_bits(a) | as_bits(b)); }
template <class T>
NNCORE_INLINE Vec<T> bit_xor(Vec<T> a, Vec<T> b) { return as_float<T>(as_bits(a) ^ as_bits(b)); }
/// a with the bits of `off` cleared.
template <class T>
NNCORE_INLINE Vec<T> bit_clear(Vec<T> a, Vec<T> off) { return {(typename Vec<T>::N)(as_bits(a).v & ~as_bits(off).v)}; }

template <class T>
NNCORE_INLINE Vec<T> abs(Vec<T> a) { return bit_clear(a, Vec<T>::all(T(-0.0))); }

/// The size of a with the sign of b.
template <class T>
NNCORE_INLINE Vec<T> copysign(Vec<T> a, Vec<T> b) {
  return bit_or(abs(a), bit_and(b, Vec<T>::all(T(-0.0))));
}

/// To the nearest integer, ties to even.
template <class T>
NNCORE_INLINE Vec<T> round(Vec<T> a) {
#if NNCORE_AVX512
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  if constexpr (sizeof(T) == 4) return {_mm512_roundscale_ps(a.v, mode)};
  else return {_mm512_roundscale_pd(a.v, mode)};
#elif NNCORE_AVX2
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  if constexpr (sizeof(T) == 4) return {_mm256_round_ps(a.v, mode)};
  else return {_mm256_round_pd(a.v, mode)};
#else
  const Vec<T> big = Vec<T>::all(Format<T>::two_to_mantissa_bits), size = abs(a);
  return select(size < big, copysign((size + big) - big, a), a);  // from `big` on every number is an integer
#endif
}

/// Integer lanes from numbers, rounded to nearest; |a| < 2^22 for float, 2^51 for double.
template <class T>
NNCORE_INLINE IntVec<T> to_int(Vec<T> a) {
  const Vec<T> magic = Vec<T>::all(Format<T>::magic);
  return as_bits(a + magic) - as_bits(magic);
}

/// Numbers from signed integer lanes; the same range as to_int.
template <class T>
NNCORE_INLINE Vec<T> to_float(IntVec<T> a) {
  const Vec<T> magic = Vec<T>::all(Format<T>::magic);
  return as_float<T>(a + as_bits(magic)) - magic;
}

/// 2^n for integer n with a normal result.
template <class T>
NNCORE_INLINE Vec<T> power_of_two(IntVec<T> n) {
  return as_float<T>((n + IntVec<T>::all(Format<T>::bias)).template shift_left<Format<T>::mantissa_bits>());
}

/// x * 2^n for integer-valued n, rounded once also where the result is subnormal, or inf where it overflows.
/// 1/2 <= |x| < 4; |n| <= 250 for float, 2040 for double.
template <class T>
NNCORE_INLINE Vec<T> scale(Vec<T> x, Vec<T> n) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_scalef_ps(x.v, n.v)};
  else return {_mm512_scalef_pd(x.v, n.v)};
#else
  // two factors, because 2^n itself may lie outside the normal numbers; the first product is exact
  const IntVec<T> whole = to_int(n), half = to_int(n * Vec<T>::all(T(0.5)));
  return x * power_of_two(half) * power_of_two(whole - half);
#endif
}

/// x = mantissa * 2^exponent with 1 <= mantissa < 2, for positive finite x, subnormal ones included. Other x give
/// no useful result: the caller selects.
template <class T>
struct Split {
  Vec<T> mantissa, exponent;
};
template <class T>
NNCORE_INLINE Split<T> split(Vec<T> x) {
#if NNCORE_AVX512
  if constexpr (sizeof(T) == 4) {
    return {{_mm512_getmant_ps(x.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)}, {_mm512_getexp_ps(x.v)}};
  } else {
    return {{_mm512_getmant_pd(x.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)}, {_mm512_getexp_pd(x.v)}};
  }
#else
  using F = Format<T>;
  const Mask<T> subnormal = x < Vec<T>::all(F::smallest_normal);
  const Vec<T> lift = Vec<T>::all(F::two_to_mantissa_bits);
  const IntVec<T> bits = as_bits(select(subnormal, x * lift, x)), one = as_bits(Vec<T>::all(T(1)));
  const IntVec<T> fraction = IntVec<T>::all((typename F::Int(1) << F::mantissa_bits) - 1);
  const Vec<T> biased = to_float<T>(bits.template shift_right<F::mantissa_bits>());
  const Vec<T> bias = select(subnormal, Vec<T>::all(T(F::bias + F::mantissa_bits)), Vec<T>::all(T(F::bias)));
  return {as_float<T>((bits & fraction) | one), biased - bias};
#endif
}

/// The 16-byte parts of a register, folded with `op` in a fixed tree: part i meets part i + half.
template <class T>
struct Part {
  typedef T N __attribute__((vector_size(16)));
};
template <class T, class Op>
NNCORE_INLINE typename Part<T>::N fold_parts(Vec<T> a, Op op) {
  using N = typename Part<T>::N;
#if NNCORE_AVX512
  N part[4];
  if constexpr (sizeof(T) == 4) {
    part[0] = _mm512_castps512_ps128(a.v), part[1] = _mm512_extractf32x4_ps(a.v, 1);
    part[2] = _mm512_extractf32x4_ps(a.v, 2), part[3] = _mm512_extractf32x4_ps(a.v, 3);
  } else {
    part[0] = _mm512_castpd512_pd128(a.v), part[1] = _mm512_extractf64x2_pd(a.v, 1);
    part[2] = _mm512_extractf64x2_pd(a.v, 2), part[3] = _mm512_extractf64x2_pd(a.v, 3);
  }
  return op(op(part[0], part[2]), op(part[1], part[3]));
#elif NNCORE_AVX2
  N part[2];
  if constexpr (sizeof(T) == 4) part[0] = _mm256_castps256_ps128(a.v), part[1] = _mm256_extractf128_ps(a.v, 1);
  else part[0] = _mm256_castpd256_pd128(a.v), part[1] = _mm256_extractf128_pd(a.v, 1);
  return op(part[0], part[1]);
#else
  static_cast<void>(op);
  return static_cast<N>(a.v);
#endif
}

/// All lanes folded: the parts first, then lane i of the part with lane i + half.
template <class T, class Op>
NNCORE_INLINE T fold(Vec<T> a, Op op) {
  const typename Part<T>::N h = fold_parts(a, op);
  if constexpr (sizeof(T) == 4) return op(op(h[0], h[2]), op(h[1], h[3]));
  else return op(h[0], h[1]);
}

template <class T>
NNCORE_INLINE T sum(Vec<T> a) {
  return fold(a, [](auto x, auto y) __attribute__((always_inline)) { return x + y; });
}

/// The largest lane; unspecified when a lane is NaN.
template <class T>
NNCORE_INLINE T largest(Vec<T> a) {
  return fold(a, [](auto x, auto y) __attribute__((always_inline)) { return x > y ? x : y; });
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
