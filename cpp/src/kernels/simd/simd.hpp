/// Arithmetic on vector registers, for the instruction set this file is compiled for. The types Vec<T>, Mask<T>,
/// IntVec<T> and FirstLanes<T> with their loads, stores and operators are in vec.hpp.
#pragma once

#include "kernels/simd/vec.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
NNCORE_INLINE IntVec<T> as_bits(Vec<T> a) { return {(typename IntVec<T>::N)a.v}; }

template <class T>
NNCORE_INLINE Vec<T> as_float(IntVec<T> a) { return {(typename Vec<T>::N)a.v}; }

/// Registers that a multiply-add takes beside its operands where it is not one instruction: for the product, and for
/// the shuffle of a broadcast.
constexpr int kTemporaries = kFused ? 0 : 2;

/// The most rows of a tile of `vectors` registers each, beside which as many registers of one factor and one broadcast
/// of the other are held.
constexpr int rows_of_tile(int vectors) {
  return (kRegisters - vectors - 1 - kTemporaries) / vectors;
}

/// a * b + c, rounded once where the set has fused multiply-add.
template <class T>
NNCORE_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) { return {Ops<T>::fma(a.v, b.v, c.v)}; }

/// c - a * b.
template <class T>
NNCORE_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) { return {Ops<T>::fnma(a.v, b.v, c.v)}; }

template <class T>
NNCORE_INLINE Vec<T> select(Mask<T> m, Vec<T> a, Vec<T> b) { return {Ops<T>::select(m.v, a.v, b.v)}; }

/// a < b ? a : b; so b when either is NaN.
template <class T>
NNCORE_INLINE Vec<T> min(Vec<T> a, Vec<T> b) { return {Ops<T>::min(a.v, b.v)}; }

/// a > b ? a : b; so b when either is NaN.
template <class T>
NNCORE_INLINE Vec<T> max(Vec<T> a, Vec<T> b) { return {Ops<T>::max(a.v, b.v)}; }

template <class T>
NNCORE_INLINE Vec<T> sqrt(Vec<T> a) { return {Ops<T>::sqrt(a.v)}; }

/// The same value, kept in a register: without this the compiler may make every use a load of its own.
template <class T>
NNCORE_INLINE Vec<T> in_register(Vec<T> a) { return {Ops<T>::in_register(a.v)}; }

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
NNCORE_INLINE Vec<T> abs(Vec<T> a) { return bit_clear(a, Vec<T>::broadcast(T(-0.0))); }

/// The absolute value of a with the sign of b.
template <class T>
NNCORE_INLINE Vec<T> copysign(Vec<T> a, Vec<T> b) {
  return bit_or(abs(a), bit_and(b, Vec<T>::broadcast(T(-0.0))));
}

/// To the nearest integer, ties to even.
template <class T>
NNCORE_INLINE Vec<T> round(Vec<T> a) {
  if constexpr (requires { Ops<T>::round(a.v); }) {
    return {Ops<T>::round(a.v)};
  } else {
    const Vec<T> big = Vec<T>::broadcast(Format<T>::two_to_mantissa_bits), size = abs(a);
    return select(size < big, copysign((size + big) - big, a), a);  // from `big` on every number is an integer
  }
}

/// Integer lanes from numbers, rounded to nearest; |a| < 2^22 for float, 2^51 for double.
template <class T>
NNCORE_INLINE IntVec<T> to_int(Vec<T> a) {
  const Vec<T> magic = Vec<T>::broadcast(Format<T>::magic);
  return as_bits(a + magic) - as_bits(magic);
}

/// Numbers from signed integer lanes; the same range as to_int.
template <class T>
NNCORE_INLINE Vec<T> to_float(IntVec<T> a) {
  const Vec<T> magic = Vec<T>::broadcast(Format<T>::magic);
  return as_float<T>(a + as_bits(magic)) - magic;
}

/// 2^n for integer n with a normal result.
template <class T>
NNCORE_INLINE Vec<T> power_of_two(IntVec<T> n) {
  return as_float<T>((n + IntVec<T>::broadcast(Format<T>::bias)).template shift_left<Format<T>::mantissa_bits>());
}

/// Has the set an instruction for `scale`?
template <class T>
constexpr bool kHasScale = requires(typename Vec<T>::N x) { Ops<T>::scale(x, x); };

/// x * 2^n for integer-valued n, rounded once also where the result is subnormal, or inf where it overflows.
/// 1/2 <= |x| < 4; |n| <= 250 for float, 2040 for double.
template <class T>
NNCORE_INLINE Vec<T> scale(Vec<T> x, Vec<T> n) {
  if constexpr (kHasScale<T>) {
    return {Ops<T>::scale(x.v, n.v)};
  } else {
    // two factors, because 2^n itself may lie outside the normal numbers; the first product is exact
    const IntVec<T> whole = to_int(n), half = to_int(n * Vec<T>::broadcast(T(0.5)));
    return x * power_of_two(half) * power_of_two(whole - half);
  }
}

/// x = mantissa * 2^exponent with 1 <= mantissa < 2, for positive finite x, subnormal ones included. Other x give
/// no useful result: the caller selects.
template <class T>
struct Split {
  Vec<T> mantissa, exponent;
};
template <class T>
NNCORE_INLINE Split<T> split(Vec<T> x) {
  if constexpr (requires { Ops<T>::mantissa(x.v), Ops<T>::exponent(x.v); }) {
    return {{Ops<T>::mantissa(x.v)}, {Ops<T>::exponent(x.v)}};
  } else {
    using F = Format<T>;
    const Mask<T> subnormal = x < Vec<T>::broadcast(F::smallest_normal);
    const Vec<T> lift = Vec<T>::broadcast(F::two_to_mantissa_bits);
    const IntVec<T> bits = as_bits(select(subnormal, x * lift, x)), one = as_bits(Vec<T>::broadcast(T(1)));
    const IntVec<T> fraction = IntVec<T>::broadcast((typename F::Int(1) << F::mantissa_bits) - 1);
    const Vec<T> biased = to_float<T>(bits.template shift_right<F::mantissa_bits>());
    const Vec<T> bias =
        select(subnormal, Vec<T>::broadcast(T(F::bias + F::mantissa_bits)), Vec<T>::broadcast(T(F::bias)));
    return {as_float<T>((bits & fraction) | one), biased - bias};
  }
}

/// The 16-byte parts of a register, folded with `op` in a fixed tree: part i with part i + half.
template <class T, class Op>
NNCORE_INLINE Part<T> fold_parts(Vec<T> a, Op op) {
  using O = Ops<T>;
  constexpr int parts = kVectorBytes / 16;
  if constexpr (parts == 4) {
    const Part<T> part[4] = {O::template part<0>(a.v), O::template part<1>(a.v), O::template part<2>(a.v),
                             O::template part<3>(a.v)};
    return op(op(part[0], part[2]), op(part[1], part[3]));
  } else if constexpr (parts == 2) {
    return op(O::template part<0>(a.v), O::template part<1>(a.v));
  } else {
    static_cast<void>(op);
    return O::template part<0>(a.v);
  }
}

/// All lanes folded: the parts first, then lane i of the part with lane i + half.
template <class T, class Op>
NNCORE_INLINE T fold(Vec<T> a, Op op) {
  const Part<T> h = fold_parts(a, op);
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
