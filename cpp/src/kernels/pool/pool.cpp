/// Pooling, tap by tap: loops that compilers vectorise, with versions for strides 1 and 2.
#include "kernels/groups.hpp"
#include "kernels/pool/pool.hpp"
#include "kernels/simd/types.hpp"

namespace nncore::NNCORE_ISA {
namespace pool {
namespace {

/// f(stride), the common strides as constants.
template <class F>
NNCORE_INLINE void with_stride(int64_t stride, const F& f) {
  if (stride == 1) f(int64_t{1});
  else if (stride == 2) f(int64_t{2});
  else f(stride);
}

template <class T>
void max(int64_t n, int64_t stride, const T* __restrict x, int32_t index, T* __restrict best, int32_t* __restrict at) {
  with_stride(stride, [=](const int64_t s) __attribute__((always_inline)) {
    const auto step = static_cast<int32_t>(s);
    if (at == nullptr) {
      for (int64_t i = 0; i < n; ++i) {
        const T v = x[i * s];
        best[i] = ((v > best[i]) | (v != v)) ? v : best[i];
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
void add(int64_t n, int64_t stride, const T* __restrict x, T* __restrict y) {
  with_stride(stride, [=](const int64_t s) __attribute__((always_inline)) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i * s];
  });
}

template <class T>
void scatter(int64_t n, int64_t stride, const T* __restrict x, T* __restrict y) {
  with_stride(stride, [=](const int64_t s) __attribute__((always_inline)) {
    for (int64_t i = 0; i < n; ++i) y[i * s] += x[i];
  });
}


template <class T>
constexpr PoolKernels<T> table() {
  return {
      .max = max<T>,
      .add = add<T>,
      .scatter = scatter<T>,
  };
}

}  // namespace
}  // namespace pool

constinit const PoolKernels<float> kPoolF32 = pool::table<float>();
constinit const PoolKernels<double> kPoolF64 = pool::table<double>();

}  // namespace nncore::NNCORE_ISA
