/// Vec<T>, Mask<T>, IntVec<T> and FirstLanes<T>: one register of numbers, of truth values, of integers, and the lanes
/// that are in use, with their loads, stores and operators.
#pragma once

#define NNCORE_TEXT_OF(name) #name
#define NNCORE_TEXT(name) NNCORE_TEXT_OF(name)
#include NNCORE_TEXT(kernels/simd/NNCORE_ISA.hpp)  // the header of the set

namespace nncore::NNCORE_ISA {
namespace {

/// Integer lanes as wide as T: bit patterns, exponents, small counts. Arithmetic wraps.
template <class T>
struct IntVec {
  using N = typename Ops<T>::U;
  using Scalar = typename Format<T>::Int;
  N v;

  NNCORE_INLINE static IntVec broadcast(Scalar x) { return {N{} + static_cast<typename Format<T>::Unsigned>(x)}; }
  template <int n>
  NNCORE_INLINE IntVec shift_left() const { return {v << n}; }
  template <int n>
  NNCORE_INLINE IntVec shift_right() const { return {v >> n}; }  ///< zeros come in, also for negative lanes

  NNCORE_INLINE friend IntVec operator+(IntVec a, IntVec b) { return {a.v + b.v}; }
  NNCORE_INLINE friend IntVec operator-(IntVec a, IntVec b) { return {a.v - b.v}; }
  NNCORE_INLINE friend IntVec operator&(IntVec a, IntVec b) { return {a.v & b.v}; }
  NNCORE_INLINE friend IntVec operator|(IntVec a, IntVec b) { return {a.v | b.v}; }
  NNCORE_INLINE friend IntVec operator^(IntVec a, IntVec b) { return {a.v ^ b.v}; }
};

/// One truth value per lane.
template <class T>
struct Mask {
  using N = typename Ops<T>::M;
  N v;

  NNCORE_INLINE friend Mask operator&(Mask a, Mask b) { return {static_cast<N>(a.v & b.v)}; }
  NNCORE_INLINE friend Mask operator|(Mask a, Mask b) { return {static_cast<N>(a.v | b.v)}; }
  NNCORE_INLINE friend Mask operator~(Mask a) { return {static_cast<N>(~a.v)}; }

  /// Bit i is lane i.
  NNCORE_INLINE unsigned bits() const { return Ops<T>::bits(v); }
};

template <class T>
NNCORE_INLINE bool any(Mask<T> m) { return m.bits() != 0; }

template <class T>
NNCORE_INLINE bool all(Mask<T> m) { return m.bits() == (1u << (kVectorBytes / sizeof(T))) - 1u; }

/// The first n lanes, 0 <= n <= lanes, prepared once for many partial loads and stores.
template <class T>
struct FirstLanes {
  typename Ops<T>::First v;
  NNCORE_INLINE explicit FirstLanes(int64_t n) : v(Ops<T>::first(n)) {}
  NNCORE_INLINE Mask<T> mask() const { return {Ops<T>::mask_of(v)}; }
};

template <class T>
struct Vec {
  using O = Ops<T>;
  using N = typename O::N;
  static constexpr int lanes = kVectorBytes / static_cast<int>(sizeof(T));
  N v;

  NNCORE_INLINE static Vec zero() { return {N{}}; }
  NNCORE_INLINE static Vec broadcast(T x) { return {O::broadcast(x)}; }
  NNCORE_INLINE static Vec broadcast(const T* p) { return broadcast(*p); }

  NNCORE_INLINE static Vec load(const T* p) { return {O::load(p)}; }
  NNCORE_INLINE void store(T* p) const { O::store(p, v); }
  /// The first lanes from memory, zeros behind them; memory beyond is never touched.
  NNCORE_INLINE static Vec load(const T* p, FirstLanes<T> first) { return {O::load_first(p, first.v)}; }
  /// The first lanes from memory, `other` in the lanes behind them.
  NNCORE_INLINE static Vec load(const T* p, FirstLanes<T> first, Vec other) {
    return {O::load_first_or(p, first.v, other.v)};
  }
  NNCORE_INLINE void store(T* p, FirstLanes<T> first) const { O::store_first(p, first.v, v); }

  /// `lanes` bytes as numbers 0..255.
  NNCORE_INLINE static Vec load(const uint8_t* p) { return {O::load_bytes(p)}; }
  /// The first n bytes as numbers, zeros behind them.
  NNCORE_INLINE static Vec load(const uint8_t* p, int64_t n) {
    uint8_t bytes[lanes] = {};
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
      if (i < n) bytes[i] = p[i];
    return load(bytes);
  }
  /// Lanes that hold 0 to 255, as bytes.
  NNCORE_INLINE void store(uint8_t* p) const { O::store_bytes(p, v); }
  /// The first n of `lanes` integers as numbers, zeros behind them.
  NNCORE_INLINE static Vec load_integers(const int64_t* p, int64_t n) { return {O::load_integers(p, n)}; }

  NNCORE_INLINE friend Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
  NNCORE_INLINE friend Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
  NNCORE_INLINE friend Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
  NNCORE_INLINE friend Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
  NNCORE_INLINE friend Vec operator-(Vec a) { return {-a.v}; }

  // as in C++: false with a NaN, except != which is true
  NNCORE_INLINE friend Mask<T> operator<(Vec a, Vec b) { return {O::less(a.v, b.v)}; }
  NNCORE_INLINE friend Mask<T> operator<=(Vec a, Vec b) { return {O::less_equal(a.v, b.v)}; }
  NNCORE_INLINE friend Mask<T> operator>(Vec a, Vec b) { return {O::greater(a.v, b.v)}; }
  NNCORE_INLINE friend Mask<T> operator>=(Vec a, Vec b) { return {O::greater_equal(a.v, b.v)}; }
  NNCORE_INLINE friend Mask<T> operator==(Vec a, Vec b) { return {O::equal(a.v, b.v)}; }
  NNCORE_INLINE friend Mask<T> operator!=(Vec a, Vec b) { return {O::not_equal(a.v, b.v)}; }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
