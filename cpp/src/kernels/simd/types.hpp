/// What an instruction set has to define for the kernels: facts, and operations on one native register of float or of
/// double. vec.hpp includes the header named like the set and makes Vec<T>, Mask<T>, IntVec<T>, FirstLanes<T> of it. A
/// new set is a header beside avx2.hpp, a line in kernels/sets.hpp and a line in cpp/cmake/KernelSets.cmake.
///
/// Facts:
///   kVectorBytes   size of a register
///   kRegisters     how many there are: tile sizes follow from it
///   kFused         there is a fused multiply-add (else fma rounds twice)
///   kFreeMasks     masked loads and stores cost no more than whole ones
///
/// Ops<T>, for float and double, derives from GenericOps<T> (generic.hpp), which any processor runs, and hides what the
/// set does better. N is the native register, I and U its integers, M a truth value for each lane, First the first n
/// lanes, prepared once for many partial loads and stores.
///   broadcast, in_register                  a number in all lanes; a value the compiler must not load again
///   first, mask_of                          the first n lanes, and as a mask
///   load_first, load_first_or, store_first  memory behind the first n lanes is never touched
///   load_bytes, store_bytes, load_integers  uint8 and int64 in memory to and from numbers
///   widen, load_widened                     float to double
///   less ... not_equal, bits, select        comparisons as in C++: false with a NaN, but for not_equal
///   fma, fnma, min, max, sqrt               fnma = c - a b; min = a < b ? a : b, so b with a NaN; max likewise
///   part, lower_pairs, upper_pairs          16 bytes at a time, see shuffle.hpp
///   load_parts, join_parts                  see shuffle.hpp
///   zip, unzip                              see transpose.hpp
///   multiply_words                          low half times low half of 64-bit lanes, for double alone
/// and, where the set has an instruction for it (simd.hpp computes it elsewhere):
///   round, scale, mantissa, exponent        see simd.hpp
///
/// All lies in an anonymous namespace: a copy of a function made for one instruction set can never be linked into
/// the code of another.
#pragma once

#include <cstddef>
#include <cstdint>

#define NNCORE_INLINE [[gnu::always_inline]] inline

namespace nncore::NNCORE_ISA {
namespace {

/// Facts about the IEEE format of T. `magic` = 1.5 * 2^mantissa_bits: adding it rounds to an integer and leaves
/// that integer in the low bits.
template <class T>
struct Format;

template <>
struct Format<float> {
  using Int = int32_t;
  using Unsigned = uint32_t;
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr float magic = 0x1.8p23f, two_to_mantissa_bits = 0x1p23f, smallest_normal = 0x1p-126f;
};

template <>
struct Format<double> {
  using Int = int64_t;
  using Unsigned = uint64_t;
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double magic = 0x1.8p52, two_to_mantissa_bits = 0x1p52, smallest_normal = 0x1p-1022;
};

/// Registers of `bytes` bytes as GCC's and clang's vector extensions.
template <class T, int bytes>
struct Native {
  typedef T Float __attribute__((vector_size(bytes)));
  typedef T Unaligned __attribute__((vector_size(bytes), aligned(alignof(T)), may_alias));
  typedef typename Format<T>::Int Int __attribute__((vector_size(bytes)));
  typedef typename Format<T>::Unsigned Unsigned __attribute__((vector_size(bytes)));
};

/// 16 bytes of a register.
template <class T>
using Part = typename Native<T, 16>::Float;

}  // namespace
}  // namespace nncore::NNCORE_ISA
