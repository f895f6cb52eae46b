/// A range taken register by register. What is left over after whole registers goes through the same instructions
/// under a mask, so that the result of an element never depends on where a range was cut.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// All lanes of a register, where FirstLanes means some.
struct Whole {};

template <class T>
NNCORE_INLINE Vec<T> load(const T* p, Whole) { return Vec<T>::load(p); }
template <class T>
NNCORE_INLINE Vec<T> load(const T* p, FirstLanes<T> some) { return Vec<T>::load(p, some); }

template <class T>
NNCORE_INLINE Vec<T> load_or(const T* p, Whole, Vec<T>) { return Vec<T>::load(p); }
/// `other` in the lanes beyond the range.
template <class T>
NNCORE_INLINE Vec<T> load_or(const T* p, FirstLanes<T> some, Vec<T> other) { return Vec<T>::load(p, some, other); }

template <class T>
NNCORE_INLINE void store(T* p, Whole, Vec<T> x) { x.store(p); }
template <class T>
NNCORE_INLINE void store(T* p, FirstLanes<T> some, Vec<T> x) { x.store(p, some); }

/// body(i, lanes) for i = 0, L, 2L, ... < n, where `lanes` is Whole and at the end, if need be, FirstLanes.
template <class T, class Body>
NNCORE_INLINE void each_register(int64_t n, const Body& body) {
  constexpr int L = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + L <= n; i += L) body(i, Whole{});
  if (i < n) body(i, FirstLanes<T>(n - i));
}

}  // namespace
}  // namespace nncore::NNCORE_ISA
