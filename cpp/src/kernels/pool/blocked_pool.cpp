/// Pooling on blocked pixels, a register of channels at a time. The tap of the largest number is stored as a byte.
#include "kernels/groups.hpp"
#include "kernels/pool/blocked_pool.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace blocked_pool {
namespace {

/// The taps of a window that lie inside, from first to end; the place of tap 0; and the taps up to the padding's end.
struct Span {
  int64_t start, first, end, padded;
};
NNCORE_INLINE Span span(int64_t out, int64_t size, int64_t k, int64_t stride, int64_t pad) {
  const int64_t start = out * stride - pad, left = size - start;
  return {start, start < 0 ? -start : 0, left < k ? left : k, left + pad < k ? left + pad : k};
}

/// visit(output, rows, columns) for the windows of some rows of y; `output` counts pixels. With `pairs` the window is
/// a compile-time constant: 2 x 2 taps, 2 apart, without padding.
template <bool pairs, class Visit>
NNCORE_INLINE void each_window(const PoolShape& s, int64_t row0, int64_t row1, Visit visit) {
  for (int64_t oh = row0; oh < row1; ++oh) {
    const Span rows = pairs ? Span{2 * oh, 0, 2, 2} : span(oh, s.H, s.kh, s.sh, s.ph);
    for (int64_t ow = 0; ow < s.OW; ++ow)
      visit(oh * s.OW + ow, rows, pairs ? Span{2 * ow, 0, 2, 2} : span(ow, s.W, s.kw, s.sw, s.pw));
  }
}

/// visit(input, tap) for the taps of a window that lie inside; `input` counts pixels.
template <bool pairs, class Visit>
NNCORE_INLINE void each_tap(const PoolShape& s, Span rows, Span columns, Visit visit) {
#pragma GCC unroll 2
  for (int64_t i = rows.first; i < rows.end; ++i)
#pragma GCC unroll 2
    for (int64_t j = columns.first; j < columns.end; ++j)
      visit((rows.start + i) * s.W + columns.start + j, i * (pairs ? 2 : s.kw) + j);
}

NNCORE_INLINE bool is_pairs(const PoolShape& s) {
  return s.kh == 2 && s.kw == 2 && s.sh == 2 && s.sw == 2 && s.ph == 0 && s.pw == 0 && 2 * s.OH <= s.H &&
         2 * s.OW <= s.W;
}

template <class T, bool pairs>
void max_of(const PoolShape& s, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y, uint8_t* taken) {
  constexpr int64_t b = Vec<T>::lanes;
  for (int64_t plane = 0; plane < planes; ++plane, x += s.H * s.W * b, y += s.OH * s.OW * b) {
    each_window<pairs>(s, row0, row1, [&](int64_t out, Span rows, Span columns) __attribute__((always_inline)) {
      const int64_t corner = (rows.start + rows.first) * s.W + columns.start + columns.first;
      Vec<T> best = Vec<T>::load(x + corner * b);
      Vec<T> where = Vec<T>::broadcast(static_cast<T>(rows.first * s.kw + columns.first));
      each_tap<pairs>(s, rows, columns, [&](int64_t in, int64_t tap) __attribute__((always_inline)) {
        const Vec<T> value = Vec<T>::load(x + in * b);
        const Mask<T> better = (value > best) | (value != value);
        best = select(better, value, best), where = select(better, Vec<T>::broadcast(static_cast<T>(tap)), where);
      });
      best.store(y + out * b);
      if (taken) where.store(taken + out * b);
    });
    if (taken) taken += s.OH * s.OW * b;
  }
}

template <class T>
NNCORE_INLINE void clear(int64_t n, T* x) {
  for (int64_t i = 0; i < n; i += Vec<T>::lanes) Vec<T>::zero().store(x + i);
}

template <class T, bool pairs>
void max_backward_of(const PoolShape& s, int64_t planes, const T* dy, const uint8_t* taken, T* dx) {
  constexpr int64_t b = Vec<T>::lanes;
  const bool all_written = pairs && s.H % 2 == 0 && s.W % 2 == 0;  // each pixel is in one window
  for (int64_t plane = 0; plane < planes; ++plane, dx += s.H * s.W * b) {
    if (!all_written) clear(s.H * s.W * b, dx);
    each_window<pairs>(s, 0, s.OH, [&](int64_t out, Span rows, Span columns) __attribute__((always_inline)) {
      const Vec<T> gradient = Vec<T>::load(dy + out * b), where = Vec<T>::load(taken + out * b);
      each_tap<pairs>(s, rows, columns, [&](int64_t in, int64_t tap) __attribute__((always_inline)) {
        const Vec<T> mine = select(where == Vec<T>::broadcast(static_cast<T>(tap)), gradient, Vec<T>::zero());
        (pairs ? mine : Vec<T>::load(dx + in * b) + mine).store(dx + in * b);
      });
    });
    dy += s.OH * s.OW * b, taken += s.OH * s.OW * b;
  }
}

/// What the sum of a window is divided by.
template <class T>
NNCORE_INLINE Vec<T> divisor(bool inside, Span rows, Span columns) {
  const int64_t within = (rows.end - rows.first) * (columns.end - columns.first);
  return Vec<T>::broadcast(static_cast<T>(inside ? within : rows.padded * columns.padded));
}

template <class T, bool pairs>
void mean_of(const PoolShape& s, bool inside, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y) {
  constexpr int64_t b = Vec<T>::lanes;
  for (int64_t plane = 0; plane < planes; ++plane, x += s.H * s.W * b, y += s.OH * s.OW * b)
    each_window<pairs>(s, row0, row1, [&](int64_t out, Span rows, Span columns) __attribute__((always_inline)) {
      Vec<T> sum = Vec<T>::zero();
      each_tap<pairs>(s, rows, columns, [&](int64_t in, int64_t) __attribute__((always_inline)) {
        sum = sum + Vec<T>::load(x + in * b);
      });
      (sum / divisor<T>(inside, rows, columns)).store(y + out * b);
    });
}

template <class T, bool pairs>
void mean_backward_of(const PoolShape& s, bool inside, int64_t planes, const T* dy, T* dx) {
  constexpr int64_t b = Vec<T>::lanes;
  for (int64_t plane = 0; plane < planes; ++plane, dx += s.H * s.W * b, dy += s.OH * s.OW * b) {
    clear(s.H * s.W * b, dx);
    each_window<pairs>(s, 0, s.OH, [&](int64_t out, Span rows, Span columns) __attribute__((always_inline)) {
      const Vec<T> share = Vec<T>::load(dy + out * b) / divisor<T>(inside, rows, columns);
      each_tap<pairs>(s, rows, columns, [&](int64_t in, int64_t) __attribute__((always_inline)) {
        (Vec<T>::load(dx + in * b) + share).store(dx + in * b);
      });
    });
  }
}


template <class T>
void max(const PoolShape& s, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y, uint8_t* taken) {
  if (is_pairs(s)) max_of<T, true>(s, planes, row0, row1, x, y, taken);
  else max_of<T, false>(s, planes, row0, row1, x, y, taken);
}
template <class T>
void max_backward(const PoolShape& s, int64_t planes, const T* dy, const uint8_t* taken, T* dx) {
  if (is_pairs(s)) max_backward_of<T, true>(s, planes, dy, taken, dx);
  else max_backward_of<T, false>(s, planes, dy, taken, dx);
}
template <class T>
void mean(const PoolShape& s, bool inside, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y) {
  if (is_pairs(s)) mean_of<T, true>(s, inside, planes, row0, row1, x, y);
  else mean_of<T, false>(s, inside, planes, row0, row1, x, y);
}
template <class T>
void mean_backward(const PoolShape& s, bool inside, int64_t planes, const T* dy, T* dx) {
  if (is_pairs(s)) mean_backward_of<T, true>(s, inside, planes, dy, dx);
  else mean_backward_of<T, false>(s, inside, planes, dy, dx);
}

template <class T>
constexpr BlockedPoolKernels<T> table() {
  return {
      .max = max<T>,
      .max_backward = max_backward<T>,
      .mean = mean<T>,
      .mean_backward = mean_backward<T>,
  };
}

}  // namespace
}  // namespace blocked_pool

constinit const BlockedPoolKernels<float> kBlockedPoolF32 = blocked_pool::table<float>();
constinit const BlockedPoolKernels<double> kBlockedPoolF64 = blocked_pool::table<double>();

}  // namespace nncore::NNCORE_ISA
