/// The exponential averages that Adam's relatives and Lion keep.
#pragma once

#include "kernels/update/constant.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

/// An exponential average: beta a + (1 - beta) x, rest = 1 - beta.
template <class T>
struct Average {
  Vec<T> beta, rest;
  explicit Average(double b) : beta(broadcast<T>(b)), rest(broadcast<T>(1 - b)) {}
  NNCORE_INLINE Vec<T> of(Vec<T> a, Vec<T> x) const { return fma(rest, x, beta * a); }
  NNCORE_INLINE Vec<T> of_squares(Vec<T> a, Vec<T> x) const { return fma(rest * x, x, beta * a); }
};

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
