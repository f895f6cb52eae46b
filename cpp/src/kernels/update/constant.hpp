/// Constants of an update: computed in double, rounded to T once, and held in a register.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

template <class T>
NNCORE_INLINE Vec<T> broadcast(double x) { return Vec<T>::broadcast(static_cast<T>(x)); }

/// A constant f(step) as a register: one step for all lanes, or one for each.
template <class T, class Step>
struct OneForAll {
  const Step& first;
  static constexpr bool alike = true;
  template <class F>
  NNCORE_INLINE Vec<T> operator()(F f) const { return Vec<T>::broadcast(static_cast<T>(f(first))); }
};
template <class T, class Step>
struct OneForEach {
  const Step& first;  // the others behind it
  static constexpr bool alike = false;
  template <class F>
  NNCORE_INLINE Vec<T> operator()(F f) const {
    T each[Vec<T>::lanes];
    for (int i = 0; i < Vec<T>::lanes; ++i) each[i] = static_cast<T>(f((&first)[i]));
    return Vec<T>::load(each);
  }
};

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
