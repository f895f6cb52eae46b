/// Pooling, tap by tap: loops that compilers turn into vectors, for strides of 1 and 2 on their own.
#include "kernels/declarations.hpp"
#include "kernels/simd/types.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// f(stride), the common strides as constants.
template <class F>
NNCORE_INLINE void with_stride(int64_t stride, const F& f) {
  if (stride == 1) f(int64_t{1});
  else if (stride == 2) f(int64_t{2});
  else f(stride);
}

template <class T>
NNCORE_INLINE void largest(int64_t n, int64_t stride, const T* __restrict x, int32_t index, T* __restrict best,
                           int32_t* __restrict at) {
  with_stride(stride, [=](const int64_t s) __attribute__((always_inline)) {
    const auto step = static_cast<int32_t>(s);
    if (at == nullptr) {
      for (int64_t i = 0; i < n; ++i) {
        const T v = x[i * s];
        best[i] = (v > best[i]) | (v != v) ? v : best[i];
      }
    } else {
      for (int64_t i = 0; i < n; ++i) {
        const T v = x[i * s];
        const bool take = (v > best[i]) | (v != v);
        best[i] = take ? v : best[i];
        at[i] = take ? index + static_cast<int32_t>(i) * step : at[i];
      }
    }
  });
}

template <class T>
NNCORE_INLINE void add_from(int64_t n, int64_t stride, const T* __restrict x, T* __restrict y) {
  with_stride(stride, [=](const int64_t s) __attribute__((always_inline)) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i * s];
  });
}

template <class T>
NNCORE_INLINE void add_to(int64_t n, int64_t stride, const T* __restrict x, T* __restrict y) {
  with_stride(stride, [=](const int64_t s) __attribute__((always_inline)) {
    for (int64_t i = 0; i < n; ++i) y[i * s] += x[i];
  });
}

}  // namespace

void pool_max(int64_t n, int64_t stride, const float* x, int32_t index, float* best, int32_t* at) {
  largest(n, stride, x, index, best, at);
}
void pool_max(int64_t n, int64_t stride, const double* x, int32_t index, double* best, int32_t* at) {
  largest(n, stride, x, index, best, at);
}

void pool_sum(int64_t n, int64_t stride, const float* x, float* y) { add_from(n, stride, x, y); }
void pool_sum(int64_t n, int64_t stride, const double* x, double* y) { add_from(n, stride, x, y); }

void pool_spread(int64_t n, int64_t stride, const float* x, float* y) { add_to(n, stride, x, y); }
void pool_spread(int64_t n, int64_t stride, const double* x, double* y) { add_to(n, stride, x, y); }

}  // namespace nncore::NNCORE_ISA
