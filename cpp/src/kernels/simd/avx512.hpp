/// AVX-512 (F, BW, DQ, VL): 32 registers of 64 bytes, and masks of one bit a lane that cost nothing.
#pragma once

#include "kernels/simd/generic.hpp"
#include "kernels/simd/intrinsics.hpp"

namespace nncore::NNCORE_ISA {
namespace {

inline constexpr int kVectorBytes = 64, kRegisters = 32;
inline constexpr bool kFused = true, kFreeMasks = true;

/// What float and double have in common.
template <class T, class Bits>
struct Avx512Ops : GenericOps<T, 64> {
  using G = GenericOps<T, 64>;
  using typename G::N;
  using M = Bits;
  using First = Bits;
  NNCORE_INLINE static N in_register(N a) {
    asm("" : "+v"(a));
    return a;
  }
  NNCORE_INLINE static First first(int64_t n) { return static_cast<First>((1u << n) - 1u); }
  NNCORE_INLINE static M mask_of(First some) { return some; }
  NNCORE_INLINE static unsigned bits(M m) { return m; }
  NNCORE_INLINE static N load_parts(const T* p, int64_t stride) {
    return (N)_mm512_insertf32x8(_mm512_castps256_ps512(load_two(p, stride)), load_two(p + 2 * stride, stride), 1);
  }
  NNCORE_INLINE static N join_parts(N a, N b) {
    const __m512 x = (__m512)a, y = (__m512)b;
    return (N)_mm512_shuffle_f32x4(x, y, 0x88) + (N)_mm512_shuffle_f32x4(x, y, 0xdd);
  }

 private:
  NNCORE_INLINE static __m128 load_part(const T* p) {
    Part<T> part;
    __builtin_memcpy(&part, p, sizeof part);
    return (__m128)part;
  }
  NNCORE_INLINE static __m256 load_two(const T* p, int64_t stride) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(load_part(p)), load_part(p + stride), 1);
  }
};

template <class T>
struct Ops;

template <>
struct Ops<float> : Avx512Ops<float, uint16_t> {
  NNCORE_INLINE static N broadcast(float x) { return _mm512_set1_ps(x); }
  NNCORE_INLINE static N load_first(const float* p, First some) { return _mm512_maskz_loadu_ps(some, p); }
  NNCORE_INLINE static N load_first_or(const float* p, First some, N other) {
    return _mm512_mask_loadu_ps(other, some, p);
  }
  NNCORE_INLINE static void store_first(float* p, First some, N a) { _mm512_mask_storeu_ps(p, some, a); }
  NNCORE_INLINE static N load_bytes(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  NNCORE_INLINE static void store_bytes(uint8_t* p, N a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
  }
  // in registers: numbers stored one by one would have to reach the cache before a load can join them
  NNCORE_INLINE static N load_integers(const int64_t* p, int64_t n) {
    const First some = first(n);
    const __m512i low = _mm512_maskz_loadu_epi64(static_cast<__mmask8>(some), p);
    const __m512i high = _mm512_maskz_loadu_epi64(static_cast<__mmask8>(some >> 8), p + 8);
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtepi64_ps(low)), _mm512_cvtepi64_ps(high), 1);
  }

  NNCORE_INLINE static M less(N a, N b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  NNCORE_INLINE static M less_equal(N a, N b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  NNCORE_INLINE static M greater(N a, N b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  NNCORE_INLINE static M greater_equal(N a, N b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  NNCORE_INLINE static M equal(N a, N b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  NNCORE_INLINE static M not_equal(N a, N b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
  NNCORE_INLINE static N select(M m, N a, N b) { return _mm512_mask_blend_ps(m, b, a); }

  NNCORE_INLINE static N fma(N a, N b, N c) { return _mm512_fmadd_ps(a, b, c); }
  NNCORE_INLINE static N fnma(N a, N b, N c) { return _mm512_fnmadd_ps(a, b, c); }
  NNCORE_INLINE static N min(N a, N b) { return _mm512_min_ps(a, b); }
  NNCORE_INLINE static N max(N a, N b) { return _mm512_max_ps(a, b); }
  NNCORE_INLINE static N sqrt(N a) { return _mm512_sqrt_ps(a); }
  NNCORE_INLINE static N round(N a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  NNCORE_INLINE static N scale(N x, N n) { return _mm512_scalef_ps(x, n); }
  NNCORE_INLINE static N mantissa(N x) { return _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src); }
  NNCORE_INLINE static N exponent(N x) { return _mm512_getexp_ps(x); }
  template <int h>
  NNCORE_INLINE static Wide widen(N a) {
    if constexpr (h == 0) return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    else return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
  }
  NNCORE_INLINE static Wide load_widened(const float* p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }

  template <int i>
  NNCORE_INLINE static Part<float> part(N a) {
    if constexpr (i == 0) return _mm512_castps512_ps128(a);
    else return _mm512_extractf32x4_ps(a, i);
  }
  NNCORE_INLINE static N lower_pairs(N a, N b) { return _mm512_unpacklo_ps(a, b); }
  NNCORE_INLINE static N upper_pairs(N a, N b) { return _mm512_unpackhi_ps(a, b); }
  NNCORE_INLINE static void unzip(N low, N high, N& a, N& b) {
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    a = _mm512_permutex2var_ps(low, even, high), b = _mm512_permutex2var_ps(low, odd, high);
  }
  NNCORE_INLINE static void zip(N a, N b, N& low, N& high) {
    const __m512i first = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i last = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    low = _mm512_permutex2var_ps(a, first, b), high = _mm512_permutex2var_ps(a, last, b);
  }
};

template <>
struct Ops<double> : Avx512Ops<double, uint8_t> {
  NNCORE_INLINE static N broadcast(double x) { return _mm512_set1_pd(x); }
  NNCORE_INLINE static N load_first(const double* p, First some) { return _mm512_maskz_loadu_pd(some, p); }
  NNCORE_INLINE static N load_first_or(const double* p, First some, N other) {
    return _mm512_mask_loadu_pd(other, some, p);
  }
  NNCORE_INLINE static void store_first(double* p, First some, N a) { _mm512_mask_storeu_pd(p, some, a); }
  NNCORE_INLINE static N load_bytes(const uint8_t* p) {
    return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  NNCORE_INLINE static void store_bytes(uint8_t* p, N a) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm256_cvtepi32_epi8(_mm512_cvtpd_epi32(a)));
  }
  NNCORE_INLINE static N load_integers(const int64_t* p, int64_t n) {
    return _mm512_cvtepi64_pd(_mm512_maskz_loadu_epi64(first(n), p));
  }

  NNCORE_INLINE static M less(N a, N b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
  NNCORE_INLINE static M less_equal(N a, N b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
  NNCORE_INLINE static M greater(N a, N b) { return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ); }
  NNCORE_INLINE static M greater_equal(N a, N b) { return _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ); }
  NNCORE_INLINE static M equal(N a, N b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
  NNCORE_INLINE static M not_equal(N a, N b) { return _mm512_cmp_pd_mask(a, b, _CMP_NEQ_UQ); }
  NNCORE_INLINE static N select(M m, N a, N b) { return _mm512_mask_blend_pd(m, b, a); }

  NNCORE_INLINE static N fma(N a, N b, N c) { return _mm512_fmadd_pd(a, b, c); }
  NNCORE_INLINE static N fnma(N a, N b, N c) { return _mm512_fnmadd_pd(a, b, c); }
  NNCORE_INLINE static N min(N a, N b) { return _mm512_min_pd(a, b); }
  NNCORE_INLINE static N max(N a, N b) { return _mm512_max_pd(a, b); }
  NNCORE_INLINE static N sqrt(N a) { return _mm512_sqrt_pd(a); }
  NNCORE_INLINE static N round(N a) {
    return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  NNCORE_INLINE static N scale(N x, N n) { return _mm512_scalef_pd(x, n); }
  NNCORE_INLINE static N mantissa(N x) { return _mm512_getmant_pd(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src); }
  NNCORE_INLINE static N exponent(N x) { return _mm512_getexp_pd(x); }
  NNCORE_INLINE static N load_widened(const double* p) { return load(p); }

  template <int i>
  NNCORE_INLINE static Part<double> part(N a) {
    if constexpr (i == 0) return _mm512_castpd512_pd128(a);
    else return _mm512_extractf64x2_pd(a, i);
  }
  NNCORE_INLINE static N lower_pairs(N a, N b) { return _mm512_unpacklo_pd(a, b); }
  NNCORE_INLINE static N upper_pairs(N a, N b) { return _mm512_unpackhi_pd(a, b); }
  NNCORE_INLINE static void unzip(N low, N high, N& a, N& b) {
    const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
    a = _mm512_permutex2var_pd(low, even, high), b = _mm512_permutex2var_pd(low, odd, high);
  }
  NNCORE_INLINE static void zip(N a, N b, N& low, N& high) {
    const __m512i first = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
    const __m512i last = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
    low = _mm512_permutex2var_pd(a, first, b), high = _mm512_permutex2var_pd(a, last, b);
  }
  NNCORE_INLINE static U multiply_words(U a, U b) { return (U)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
