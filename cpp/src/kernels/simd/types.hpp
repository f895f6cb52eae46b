/// The types behind simd.hpp: one vector register of float or double, its masks and its integer view.
///
/// The width follows the compiler flags: 64 bytes with AVX-512, 32 with AVX2, else 16 bytes of plain vector
/// extensions, which any x86-64 and aarch64 can run. Everything lies in an anonymous namespace: a copy of a
/// function made for one instruction set can never be linked into the code of another.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
// GCC 12 warns about the deliberately undefined registers inside its own AVX-512 header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#define NNCORE_INLINE [[gnu::always_inline]] inline

namespace nncore::NNCORE_ISA {
namespace {

#if defined(__AVX512F__)
#define NNCORE_AVX512 1
#define NNCORE_AVX2 0
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
#define NNCORE_AVX512 0
#define NNCORE_AVX2 1
inline constexpr int kVectorBytes = 32;
#else
#define NNCORE_AVX512 0
#define NNCORE_AVX2 0
inline constexpr int kVectorBytes = 16;
#endif

/// Facts about the IEEE format of T. `magic` = 1.5 * 2^mantissa_bits: adding it rounds to an integer and leaves
/// that integer in the low bits.
template <class T>
struct Format;

template <>
struct Format<float> {
  using Int = int32_t;
  using Unsigned = uint32_t;
  using KMask = uint16_t;
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr float magic = 0x1.8p23f, two_to_mantissa_bits = 0x1p23f, smallest_normal = 0x1p-126f;
};

template <>
struct Format<double> {
  using Int = int64_t;
  using Unsigned = uint64_t;
  using KMask = uint8_t;
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double magic = 0x1.8p52, two_to_mantissa_bits = 0x1p52, smallest_normal = 0x1p-1022;
};

template <class T>
struct Native {
  typedef T Float __attribute__((vector_size(kVectorBytes)));
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
  typedef typename Format<T>::Int Int __attribute__((vector_size(kVectorBytes)));
  typedef typename Format<T>::Unsigned Unsigned __attribute__((vector_size(kVectorBytes)));
};

/// Integer lanes as wide as T: bit patterns, exponents, small counts. Arithmetic wraps.
template <class T>
struct IntVec {
  using N = typename Native<T>::Unsigned;
  using Scalar = typename Format<T>::Int;
  N v;

  NNCORE_INLINE static IntVec all(Scalar x) { return {N{} + static_cast<typename Format<T>::Unsigned>(x)}; }
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
#if NNCORE_AVX512
  using N = typename Format<T>::KMask;
#else
  using N = typename Native<T>::Int;
#endif
  N v;

  NNCORE_INLINE friend Mask operator&(Mask a, Mask b) { return {static_cast<N>(a.v & b.v)}; }
  NNCORE_INLINE friend Mask operator|(Mask a, Mask b) { return {static_cast<N>(a.v | b.v)}; }
  NNCORE_INLINE friend Mask operator~(Mask a) { return {static_cast<N>(~a.v)}; }

  /// Bit i is lane i.
  NNCORE_INLINE unsigned bits() const {
#if NNCORE_AVX512
    return v;
#elif NNCORE_AVX2
    if constexpr (sizeof(T) == 4) return static_cast<unsigned>(_mm256_movemask_ps((__m256)v));
    else return static_cast<unsigned>(_mm256_movemask_pd((__m256d)v));
#elif defined(__SSE2__)
    if constexpr (sizeof(T) == 4) return static_cast<unsigned>(_mm_movemask_ps((__m128)v));
    else return static_cast<unsigned>(_mm_movemask_pd((__m128d)v));
#else
    typename Format<T>::Int lane[kVectorBytes / sizeof(T)];
    __builtin_memcpy(lane, &v, sizeof v);
    unsigned result = 0;
    for (unsigned i = 0; i < kVectorBytes / sizeof(T); ++i) result |= (lane[i] ? 1u : 0u) << i;
    return result;
#endif
  }
};

template <class T>
NNCORE_INLINE bool any(Mask<T> m) { return m.bits() != 0; }

template <class T>
NNCORE_INLINE bool all(Mask<T> m) { return m.bits() == (1u << (kVectorBytes / sizeof(T))) - 1u; }

/// The first n lanes, 0 <= n <= lanes, prepared once for many partial loads and stores.
template <class T>
struct FirstLanes {
  static constexpr int lanes = kVectorBytes / static_cast<int>(sizeof(T));
#if NNCORE_AVX512 || NNCORE_AVX2
  Mask<T> m;
  NNCORE_INLINE explicit FirstLanes(int64_t n) {
#if NNCORE_AVX512
    m.v = static_cast<typename Mask<T>::N>((1u << n) - 1u);
#else
    using Scalar = typename Format<T>::Int;
    typename Native<T>::Int index;
    for (int i = 0; i < lanes; ++i) index[i] = static_cast<Scalar>(i);
    m.v = index < static_cast<Scalar>(n);
#endif
  }
  NNCORE_INLINE Mask<T> mask() const { return m; }
#else
  int64_t count;
  NNCORE_INLINE explicit FirstLanes(int64_t n) : count(n) {}
  NNCORE_INLINE Mask<T> mask() const {
    Mask<T> m;
    for (int i = 0; i < lanes; ++i) m.v[i] = i < count ? -1 : 0;
    return m;
  }
#endif
};

template <class T>
struct Vec {
  using N = typename Native<T>::Float;
  static constexpr int lanes = kVectorBytes / static_cast<int>(sizeof(T));
  static constexpr bool is_float = sizeof(T) == 4;
  N v;

  NNCORE_INLINE static Vec zero() { return {N{}}; }
  NNCORE_INLINE static Vec all(T x) {
#if NNCORE_AVX512
    if constexpr (is_float) return {_mm512_set1_ps(x)};
    else return {_mm512_set1_pd(x)};
#elif NNCORE_AVX2
    if constexpr (is_float) return {_mm256_set1_ps(x)};
    else return {_mm256_set1_pd(x)};
#elif defined(__SSE2__)
    if constexpr (is_float) return {_mm_set1_ps(x)};
    else return {_mm_set1_pd(x)};
#else
    N r;
    for (int i = 0; i < lanes; ++i) r[i] = x;
    return {r};
#endif
  }
  NNCORE_INLINE static Vec broadcast(const T* p) { return all(*p); }

  NNCORE_INLINE static Vec load(const T* p) { return {*reinterpret_cast<const typename Native<T>::Unaligned*>(p)}; }
  NNCORE_INLINE void store(T* p) const { *reinterpret_cast<typename Native<T>::Unaligned*>(p) = v; }

  /// The first lanes from memory, zeros behind them; memory beyond is never touched.
  NNCORE_INLINE static Vec load(const T* p, FirstLanes<T> first) {
#if NNCORE_AVX512
    if constexpr (is_float) return {_mm512_maskz_loadu_ps(first.m.v, p)};
    else return {_mm512_maskz_loadu_pd(first.m.v, p)};
#elif NNCORE_AVX2
    if constexpr (is_float) return {_mm256_maskload_ps(p, (__m256i)first.m.v)};
    else return {_mm256_maskload_pd(p, (__m256i)first.m.v)};
#else
    // one test per lane: a memcpy of unknown size would be a call
    Vec r = zero();
#pragma GCC unroll 4
    for (int i = 0; i < lanes; ++i)
      if (i < first.count) r.v[i] = p[i];
    return r;
#endif
  }
  /// The first lanes from memory, `other` in the lanes behind them.
  NNCORE_INLINE static Vec load(const T* p, FirstLanes<T> first, Vec other) {
#if NNCORE_AVX512
    if constexpr (is_float) return {_mm512_mask_loadu_ps(other.v, first.m.v, p)};
    else return {_mm512_mask_loadu_pd(other.v, first.m.v, p)};
#else
    return {first.mask().v ? load(p, first).v : other.v};
#endif
  }
  NNCORE_INLINE void store(T* p, FirstLanes<T> first) const {
#if NNCORE_AVX512
    if constexpr (is_float) _mm512_mask_storeu_ps(p, first.m.v, v);
    else _mm512_mask_storeu_pd(p, first.m.v, v);
#elif NNCORE_AVX2
    if constexpr (is_float) _mm256_maskstore_ps(p, (__m256i)first.m.v, v);
    else _mm256_maskstore_pd(p, (__m256i)first.m.v, v);
#else
#pragma GCC unroll 4
    for (int i = 0; i < lanes; ++i)
      if (i < first.count) p[i] = v[i];
#endif
  }

  /// `lanes` bytes as numbers 0..255.
  NNCORE_INLINE static Vec load(const uint8_t* p) {
#if NNCORE_AVX512
    if constexpr (is_float) {
      return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
    } else {
      return {_mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
    }
#elif NNCORE_AVX2
    if constexpr (is_float) {
      return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
    } else {
      int four;
      __builtin_memcpy(&four, p, 4);
      return {_mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)))};
    }
#else
    typedef uint8_t Bytes __attribute__((vector_size(lanes)));
    Bytes bytes;
    __builtin_memcpy(&bytes, p, sizeof bytes);
    return {__builtin_convertvector(__builtin_convertvector(bytes, typename Native<T>::Int), N)};
#endif
  }
  /// The first n bytes as numbers, zeros behind them.
  NNCORE_INLINE static Vec load(const uint8_t* p, int64_t n) {
    uint8_t bytes[lanes] = {};
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
      if (i < n) bytes[i] = p[i];
    return load(bytes);
  }

  NNCORE_INLINE friend Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
  NNCORE_INLINE friend Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
  NNCORE_INLINE friend Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
  NNCORE_INLINE friend Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
  NNCORE_INLINE friend Vec operator-(Vec a) { return {-a.v}; }

#if NNCORE_AVX512
  template <int predicate>
  NNCORE_INLINE static Mask<T> compare(Vec a, Vec b) {
    if constexpr (is_float) return {_mm512_cmp_ps_mask(a.v, b.v, predicate)};
    else return {_mm512_cmp_pd_mask(a.v, b.v, predicate)};
  }
  // as in C++: false with a NaN, except != which is true
  NNCORE_INLINE friend Mask<T> operator<(Vec a, Vec b) { return compare<_CMP_LT_OQ>(a, b); }
  NNCORE_INLINE friend Mask<T> operator<=(Vec a, Vec b) { return compare<_CMP_LE_OQ>(a, b); }
  NNCORE_INLINE friend Mask<T> operator>(Vec a, Vec b) { return compare<_CMP_GT_OQ>(a, b); }
  NNCORE_INLINE friend Mask<T> operator>=(Vec a, Vec b) { return compare<_CMP_GE_OQ>(a, b); }
  NNCORE_INLINE friend Mask<T> operator==(Vec a, Vec b) { return compare<_CMP_EQ_OQ>(a, b); }
  NNCORE_INLINE friend Mask<T> operator!=(Vec a, Vec b) { return compare<_CMP_NEQ_UQ>(a, b); }
#else
  NNCORE_INLINE friend Mask<T> operator<(Vec a, Vec b) { return {a.v < b.v}; }
  NNCORE_INLINE friend Mask<T> operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
  NNCORE_INLINE friend Mask<T> operator>(Vec a, Vec b) { return {a.v > b.v}; }
  NNCORE_INLINE friend Mask<T> operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
  NNCORE_INLINE friend Mask<T> operator==(Vec a, Vec b) { return {a.v == b.v}; }
  NNCORE_INLINE friend Mask<T> operator!=(Vec a, Vec b) { return {a.v != b.v}; }
#endif
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
