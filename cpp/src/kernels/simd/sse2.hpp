/// SSE2, which every x86-64 has: 16 registers of 16 bytes, no fused multiply-add, no masks.
#pragma once

#include "kernels/simd/generic.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace nncore::NNCORE_ISA {
namespace {

inline constexpr int kVectorBytes = 16, kRegisters = 16;
inline constexpr bool kFused = false, kFreeMasks = false;

template <class T>
struct Sse2Ops : GenericOps<T, 16> {
  using N = typename GenericOps<T, 16>::N;
  NNCORE_INLINE static N in_register(N a) {
    asm("" : "+x"(a));
    return a;
  }
};

template <class T>
struct Ops;

template <>
struct Ops<float> : Sse2Ops<float> {
  NNCORE_INLINE static N broadcast(float x) { return _mm_set1_ps(x); }
  NNCORE_INLINE static unsigned bits(M m) { return static_cast<unsigned>(_mm_movemask_ps((__m128)m)); }
  NNCORE_INLINE static N min(N a, N b) { return _mm_min_ps(a, b); }
  NNCORE_INLINE static N max(N a, N b) { return _mm_max_ps(a, b); }
  NNCORE_INLINE static N sqrt(N a) { return _mm_sqrt_ps(a); }
  NNCORE_INLINE static N lower_pairs(N a, N b) { return _mm_unpacklo_ps(a, b); }
  NNCORE_INLINE static N upper_pairs(N a, N b) { return _mm_unpackhi_ps(a, b); }
};

template <>
struct Ops<double> : Sse2Ops<double> {
  NNCORE_INLINE static N broadcast(double x) { return _mm_set1_pd(x); }
  NNCORE_INLINE static unsigned bits(M m) { return static_cast<unsigned>(_mm_movemask_pd((__m128d)m)); }
  NNCORE_INLINE static N min(N a, N b) { return _mm_min_pd(a, b); }
  NNCORE_INLINE static N max(N a, N b) { return _mm_max_pd(a, b); }
  NNCORE_INLINE static N sqrt(N a) { return _mm_sqrt_pd(a); }
  NNCORE_INLINE static N lower_pairs(N a, N b) { return _mm_unpacklo_pd(a, b); }
  NNCORE_INLINE static N upper_pairs(N a, N b) { return _mm_unpackhi_pd(a, b); }
  NNCORE_INLINE static U multiply_words(U a, U b) { return (U)_mm_mul_epu32((__m128i)a, (__m128i)b); }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
