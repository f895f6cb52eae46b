/// AVX2 with FMA: 16 registers of 32 bytes; masks are registers, and masked stores are slow.
#pragma once

#include "kernels/simd/generic.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace nncore::NNCORE_ISA {
namespace {

inline constexpr int kVectorBytes = 32, kRegisters = 16;
inline constexpr bool kFused = true, kFreeMasks = false;

/// What float and double have in common.
template <class T>
struct Avx2Ops : GenericOps<T, 32> {
  using G = GenericOps<T, 32>;
  using typename G::N, typename G::I, typename G::M;
  using First = M;
  NNCORE_INLINE static N in_register(N a) {
    asm("" : "+x"(a));
    return a;
  }
  NNCORE_INLINE static First first(int64_t n) {
    using Scalar = typename Format<T>::Int;
    I index;
    for (int i = 0; i < G::lanes; ++i) index[i] = static_cast<Scalar>(i);
    return index < static_cast<Scalar>(n);
  }
  NNCORE_INLINE static M mask_of(First some) { return some; }
  NNCORE_INLINE static N load_parts(const T* p, int64_t stride) {
    return (N)_mm256_insertf128_ps(_mm256_castps128_ps256(load_part(p)), load_part(p + stride), 1);
  }
  NNCORE_INLINE static N join_parts(N a, N b) {
    const __m256 x = (__m256)a, y = (__m256)b;
    return (N)_mm256_permute2f128_ps(x, y, 0x20) + (N)_mm256_permute2f128_ps(x, y, 0x31);
  }

 private:
  NNCORE_INLINE static __m128 load_part(const T* p) {
    Part<T> part;
    __builtin_memcpy(&part, p, sizeof part);
    return (__m128)part;
  }
};

template <class T>
struct Ops;

template <>
struct Ops<float> : Avx2Ops<float> {
  NNCORE_INLINE static N broadcast(float x) { return _mm256_set1_ps(x); }
  NNCORE_INLINE static N load_first(const float* p, First some) { return _mm256_maskload_ps(p, (__m256i)some); }
  NNCORE_INLINE static N load_first_or(const float* p, First some, N other) {
    return some ? load_first(p, some) : other;
  }
  NNCORE_INLINE static void store_first(float* p, First some, N a) { _mm256_maskstore_ps(p, (__m256i)some, a); }
  NNCORE_INLINE static N load_bytes(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  NNCORE_INLINE static void store_bytes(uint8_t* p, N a) {
    const __m256i words = _mm256_cvtps_epi32(a);
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(halves, halves));
  }
  NNCORE_INLINE static unsigned bits(M m) { return static_cast<unsigned>(_mm256_movemask_ps((__m256)m)); }
  NNCORE_INLINE static N fma(N a, N b, N c) { return _mm256_fmadd_ps(a, b, c); }
  NNCORE_INLINE static N fnma(N a, N b, N c) { return _mm256_fnmadd_ps(a, b, c); }
  NNCORE_INLINE static N min(N a, N b) { return _mm256_min_ps(a, b); }
  NNCORE_INLINE static N max(N a, N b) { return _mm256_max_ps(a, b); }
  NNCORE_INLINE static N sqrt(N a) { return _mm256_sqrt_ps(a); }
  NNCORE_INLINE static N round(N a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  template <int h>
  NNCORE_INLINE static Wide widen(N a) {
    if constexpr (h == 0) return _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    else return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
  }
  NNCORE_INLINE static Wide load_widened(const float* p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }

  template <int i>
  NNCORE_INLINE static Part<float> part(N a) {
    if constexpr (i == 0) return _mm256_castps256_ps128(a);
    else return _mm256_extractf128_ps(a, 1);
  }
  NNCORE_INLINE static N lower_pairs(N a, N b) { return _mm256_unpacklo_ps(a, b); }
  NNCORE_INLINE static N upper_pairs(N a, N b) { return _mm256_unpackhi_ps(a, b); }
  // within halves first, then quarters 0 2 1 3
  NNCORE_INLINE static void unzip(N low, N high, N& a, N& b) {
    const __m256d even = (__m256d)_mm256_shuffle_ps(low, high, 0x88), odd = (__m256d)_mm256_shuffle_ps(low, high, 0xdd);
    a = (N)_mm256_permute4x64_pd(even, 0xd8), b = (N)_mm256_permute4x64_pd(odd, 0xd8);
  }
  NNCORE_INLINE static void zip(N a, N b, N& low, N& high) {
    const __m256 l = _mm256_unpacklo_ps(a, b), h = _mm256_unpackhi_ps(a, b);
    low = _mm256_permute2f128_ps(l, h, 0x20), high = _mm256_permute2f128_ps(l, h, 0x31);
  }
};

template <>
struct Ops<double> : Avx2Ops<double> {
  NNCORE_INLINE static N broadcast(double x) { return _mm256_set1_pd(x); }
  NNCORE_INLINE static N load_first(const double* p, First some) { return _mm256_maskload_pd(p, (__m256i)some); }
  NNCORE_INLINE static N load_first_or(const double* p, First some, N other) {
    return some ? load_first(p, some) : other;
  }
  NNCORE_INLINE static void store_first(double* p, First some, N a) { _mm256_maskstore_pd(p, (__m256i)some, a); }
  NNCORE_INLINE static N load_bytes(const uint8_t* p) {
    int four;
    __builtin_memcpy(&four, p, 4);
    return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
  }
  NNCORE_INLINE static void store_bytes(uint8_t* p, N a) {
    const __m128i words = _mm256_cvtpd_epi32(a), halves = _mm_packs_epi32(words, words);
    const int four = _mm_cvtsi128_si32(_mm_packus_epi16(halves, halves));
    __builtin_memcpy(p, &four, 4);
  }
  NNCORE_INLINE static unsigned bits(M m) { return static_cast<unsigned>(_mm256_movemask_pd((__m256d)m)); }
  NNCORE_INLINE static N fma(N a, N b, N c) { return _mm256_fmadd_pd(a, b, c); }
  NNCORE_INLINE static N fnma(N a, N b, N c) { return _mm256_fnmadd_pd(a, b, c); }
  NNCORE_INLINE static N min(N a, N b) { return _mm256_min_pd(a, b); }
  NNCORE_INLINE static N max(N a, N b) { return _mm256_max_pd(a, b); }
  NNCORE_INLINE static N sqrt(N a) { return _mm256_sqrt_pd(a); }
  NNCORE_INLINE static N round(N a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  NNCORE_INLINE static N load_widened(const double* p) { return load(p); }

  template <int i>
  NNCORE_INLINE static Part<double> part(N a) {
    if constexpr (i == 0) return _mm256_castpd256_pd128(a);
    else return _mm256_extractf128_pd(a, 1);
  }
  NNCORE_INLINE static N lower_pairs(N a, N b) { return _mm256_unpacklo_pd(a, b); }
  NNCORE_INLINE static N upper_pairs(N a, N b) { return _mm256_unpackhi_pd(a, b); }
  NNCORE_INLINE static void unzip(N low, N high, N& a, N& b) {
    a = _mm256_permute4x64_pd(_mm256_unpacklo_pd(low, high), 0xd8);
    b = _mm256_permute4x64_pd(_mm256_unpackhi_pd(low, high), 0xd8);
  }
  NNCORE_INLINE static void zip(N a, N b, N& low, N& high) {
    const __m256d l = _mm256_unpacklo_pd(a, b), h = _mm256_unpackhi_pd(a, b);
    low = _mm256_permute2f128_pd(l, h, 0x20), high = _mm256_permute2f128_pd(l, h, 0x31);
  }
  NNCORE_INLINE static U multiply_words(U a, U b) { return (U)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
