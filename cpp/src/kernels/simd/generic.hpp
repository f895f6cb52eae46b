/// Any processor: vector extensions of GCC and clang alone. Most operations work for registers of any size and are what
/// a set inherits; those on 16-byte parts are written for registers of 16 bytes.
#pragma once

#include "kernels/simd/types.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T, int bytes>
struct GenericOps {
  using N = typename Native<T, bytes>::Float;
  using Unaligned = typename Native<T, bytes>::Unaligned;
  using I = typename Native<T, bytes>::Int;
  using U = typename Native<T, bytes>::Unsigned;
  using M = I;
  using First = int64_t;
  using Wide = typename Native<double, bytes>::Float;
  static constexpr int lanes = bytes / static_cast<int>(sizeof(T));

  NNCORE_INLINE static N load(const T* p) { return *reinterpret_cast<const Unaligned*>(p); }
  NNCORE_INLINE static void store(T* p, N a) { *reinterpret_cast<Unaligned*>(p) = a; }
  NNCORE_INLINE static N broadcast(T x) {
    N r;
    for (int i = 0; i < lanes; ++i) r[i] = x;
    return r;
  }
  NNCORE_INLINE static N in_register(N a) {
#if defined(__aarch64__)
    asm("" : "+w"(a));
#endif
    return a;
  }

  NNCORE_INLINE static First first(int64_t n) { return n; }
  NNCORE_INLINE static M mask_of(First n) {
    M m;
    for (int i = 0; i < lanes; ++i) m[i] = i < n ? -1 : 0;
    return m;
  }
  // one test per lane: a memcpy of unknown size would be a call
  NNCORE_INLINE static N load_first(const T* p, First n) {
    N r{};
#pragma GCC unroll 4
    for (int i = 0; i < lanes; ++i)
      if (i < n) r[i] = p[i];
    return r;
  }
  NNCORE_INLINE static N load_first_or(const T* p, First n, N other) { return mask_of(n) ? load_first(p, n) : other; }
  NNCORE_INLINE static void store_first(T* p, First n, N a) {
#pragma GCC unroll 4
    for (int i = 0; i < lanes; ++i)
      if (i < n) p[i] = a[i];
  }

  NNCORE_INLINE static N load_bytes(const uint8_t* p) {
    typedef uint8_t Bytes __attribute__((vector_size(lanes)));
    Bytes small;
    __builtin_memcpy(&small, p, sizeof small);
    return __builtin_convertvector(__builtin_convertvector(small, I), N);
  }
  NNCORE_INLINE static void store_bytes(uint8_t* p, N a) {
    for (int i = 0; i < lanes; ++i) p[i] = static_cast<uint8_t>(a[i]);
  }
  /// The first n of `lanes` integers, zeros behind them.
  NNCORE_INLINE static N load_integers(const int64_t* p, int64_t n) {
    T numbers[lanes] = {};
    if (n == lanes) {
      for (int i = 0; i < lanes; ++i) numbers[i] = static_cast<T>(p[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) numbers[i] = static_cast<T>(p[i]);
    }
    return load(numbers);
  }

  NNCORE_INLINE static M less(N a, N b) { return a < b; }
  NNCORE_INLINE static M less_equal(N a, N b) { return a <= b; }
  NNCORE_INLINE static M greater(N a, N b) { return a > b; }
  NNCORE_INLINE static M greater_equal(N a, N b) { return a >= b; }
  NNCORE_INLINE static M equal(N a, N b) { return a == b; }
  NNCORE_INLINE static M not_equal(N a, N b) { return a != b; }
  NNCORE_INLINE static N select(M m, N a, N b) { return m ? a : b; }
  /// Bit i is lane i.
  NNCORE_INLINE static unsigned bits(M m) {
    typename Format<T>::Int lane[lanes];
    __builtin_memcpy(lane, &m, sizeof m);
    unsigned result = 0;
    for (unsigned i = 0; i < static_cast<unsigned>(lanes); ++i) result |= (lane[i] ? 1u : 0u) << i;
    return result;
  }

  NNCORE_INLINE static N fma(N a, N b, N c) { return a * b + c; }
  NNCORE_INLINE static N fnma(N a, N b, N c) { return c - a * b; }
  NNCORE_INLINE static N min(N a, N b) { return a < b ? a : b; }
  NNCORE_INLINE static N max(N a, N b) { return a > b ? a : b; }
  NNCORE_INLINE static N sqrt(N a) {
    for (int i = 0; i < lanes; ++i) a[i] = static_cast<T>(__builtin_sqrt(a[i]));
    return a;
  }

  /// Half h of float lanes as doubles; doubles as they are.
  template <int h>
  NNCORE_INLINE static Wide widen(N a) {
    Wide r;
    for (int i = 0; i < bytes / 8; ++i) r[i] = a[h * (bytes / 8) + i];
    return r;
  }
  /// As many numbers as a register holds doubles.
  NNCORE_INLINE static Wide load_widened(const T* p) {
    Wide r;
    for (int i = 0; i < bytes / 8; ++i) r[i] = p[i];
    return r;
  }

  // ---- Registers of 16 bytes ----
  static constexpr int parts = bytes / 16;
  template <int i>
  NNCORE_INLINE static Part<T> part(N a) { return a; }
  NNCORE_INLINE static N lower_pairs(N a, N b) {
    if constexpr (lanes == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
    else return __builtin_shufflevector(a, b, 0, 2);
  }
  NNCORE_INLINE static N upper_pairs(N a, N b) {
    if constexpr (lanes == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
    else return __builtin_shufflevector(a, b, 1, 3);
  }
  NNCORE_INLINE static N load_parts(const T* p, int64_t) { return load(p); }
  NNCORE_INLINE static N join_parts(N a, N) { return a; }
  NNCORE_INLINE static void unzip(N low, N high, N& a, N& b) {
    if constexpr (lanes == 4) a = N{low[0], low[2], high[0], high[2]}, b = N{low[1], low[3], high[1], high[3]};
    else a = N{low[0], high[0]}, b = N{low[1], high[1]};
  }
  NNCORE_INLINE static void zip(N a, N b, N& low, N& high) {
    if constexpr (lanes == 4) low = N{a[0], b[0], a[1], b[1]}, high = N{a[2], b[2], a[3], b[3]};
    else low = N{a[0], b[0]}, high = N{a[1], b[1]};
  }

  NNCORE_INLINE static U multiply_words(U a, U b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
};

}  // namespace
}  // namespace nncore::NNCORE_ISA
