/// Constants of an update are computed in double and rounded to T once.
#pragma once

#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

template <class T>
NNCORE_INLINE Vec<T> all(double x) { return Vec<T>::all(static_cast<T>(x)); }

}  // namespace
}  // namespace update
}  // namespace nncore::NNCORE_ISA
