/// Reorders of arrays and weights between their natural and the blocked order, and rotating weights by 180 degrees for
/// the backward pass.
#include "kernels/conv/layout.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/reorder.hpp"
#include "kernels/simd/transpose.hpp"

namespace nncore::NNCORE_ISA {
namespace conv_layout {
namespace {

/// A pixel of a block is a row of `lanes` samples to to_feature_major: channels stand for samples, pixels for features.
template <class T>
void to_blocked(int64_t N, int64_t C, int64_t L, const T* x, T* y) {
  constexpr int64_t b = Vec<T>::lanes;
  for (int64_t n = 0; n < N; ++n, x += C * L)
    for (int64_t c = 0; c < C; c += b, y += b * L) to_feature_major(C - c < b ? C - c : b, L, x + c * L, b, y);
}

template <class T>
void from_blocked(int64_t N, int64_t C, int64_t L, const T* x, T* y) {
  constexpr int64_t b = Vec<T>::lanes;
  for (int64_t n = 0; n < N; ++n, y += C * L)
    for (int64_t c = 0; c < C; c += b, x += b * L) to_batch_major(C - c < b ? C - c : b, L, x, b, y + c * L);
}

/// visit(packed, natural, lanes) for each register of packed weights: lane k of it is natural[k * C * kh * kw].
template <class T, class Visit>
NNCORE_INLINE void each_weight(const ConvShape& s, Visit visit) {
  constexpr int64_t b = Vec<T>::lanes;
  const int64_t taps = s.kh * s.kw;
  int64_t packed = 0;
  for (int64_t k = 0; k < s.K; k += b)
    for (int64_t c = 0; c < s.C; c += b)
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t q = c; q < c + b && q < s.C; ++q, packed += b)
          visit(packed, (k * s.C + q) * taps + tap, s.K - k < b ? s.K - k : b);
}

template <class T>
void pack_weights(const ConvShape& s, const T* w, T* packed) {
  const int64_t stride = s.C * s.kh * s.kw;
  each_weight<T>(s, [=](int64_t to, int64_t from, int64_t lanes) __attribute__((always_inline)) {
    for (int64_t k = 0; k < Vec<T>::lanes; ++k) packed[to + k] = k < lanes ? w[from + k * stride] : T(0);
  });
}

template <class T>
void unpack_weights(const ConvShape& s, const T* packed, T* w) {
  const int64_t stride = s.C * s.kh * s.kw;
  each_weight<T>(s, [=](int64_t from, int64_t to, int64_t lanes) __attribute__((always_inline)) {
    for (int64_t k = 0; k < lanes; ++k) w[to + k * stride] = packed[from + k];
  });
}

/// A square of b inputs by b outputs is transposed, the taps are taken in reverse.
template <class T>
void flip_weights(const ConvShape& s, int64_t block0, int64_t block1, const T* w, T* flipped) {
  constexpr int b = Vec<T>::lanes;
  const int64_t taps = s.kh * s.kw;
  w += block0 * s.C * taps * b;
  for (int64_t k = block0 * b; k < block1 * b; k += b)
    for (int64_t c = 0; c < s.C; c += b) {
      const int64_t inputs = s.C - c < b ? s.C - c : b, outputs = s.K - k < b ? s.K - k : b;
      T* to = flipped + ((c * s.K + k * b) * taps) + (taps - 1) * outputs * b;
      for (int64_t tap = 0; tap < taps; ++tap, w += inputs * b, to -= outputs * b) {
        Vec<T> square[b];
#pragma GCC unroll 16
        for (int i = 0; i < b; ++i) square[i] = i < inputs ? Vec<T>::load(w + i * b) : Vec<T>::zero();
        transpose(square);
#pragma GCC unroll 16
        for (int i = 0; i < b; ++i)
          if (i < outputs) square[i].store(to + i * b);
      }
    }
}


template <class T>
constexpr ConvLayoutKernels<T> table() {
  return {
      .to_blocked = to_blocked<T>,
      .from_blocked = from_blocked<T>,
      .pack_weights = pack_weights<T>,
      .unpack_weights = unpack_weights<T>,
      .flip_weights = flip_weights<T>,
  };
}

}  // namespace
}  // namespace conv_layout

constinit const ConvLayoutKernels<float> kConvLayoutF32 = conv_layout::table<float>();
constinit const ConvLayoutKernels<double> kConvLayoutF64 = conv_layout::table<double>();

}  // namespace nncore::NNCORE_ISA
