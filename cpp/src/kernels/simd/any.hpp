/// A processor without a set of its own: 16-byte vector extensions, tiles for sixteen registers.
#pragma once

#include "kernels/simd/generic.hpp"

namespace nncore::NNCORE_ISA {
namespace {

inline constexpr int kVectorBytes = 16, kRegisters = 16;
inline constexpr bool kFused = false, kFreeMasks = false;

template <class T>
struct Ops : GenericOps<T, 16> {};

}  // namespace
}  // namespace nncore::NNCORE_ISA
