/// im2col in gemm's panel layout, and direct convolutions for weights of so few rows that a product would not repay the
/// copies.
#include "kernels/conv/im2col.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace im2col {
namespace {

/// Runs are copied in whole registers: lanes written beyond a run are overwritten by the next one.
template <class T>
void pack_panel(int64_t L, int64_t width, const int64_t* offset, int64_t runs, const Run* run, const T* x, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes;
  for (int64_t l = 0; l < L; ++l, out += width) {
    T* to = out;
    const T* row = x + offset[l];
    for (int64_t r = 0; r < runs; ++r) {
      const T* from = row + run[r].from;
      const int64_t length = run[r].length;
      for (int64_t i = 0; i < length; i += lanes) Vec<T>::load(from + i).store(to + i);
      to += length;
    }
  }
}

/// `vectors` registers of y, the last of them partial. 8 sums + 1 weight = 9 registers; 8 loads for 8 FMA.
template <int vectors, class T, class Lanes>
NNCORE_INLINE void correlate_block(int64_t L, T start, const T* w, const int64_t* offset, const T* x, T* y,
                                   Lanes last) {
  constexpr int64_t lanes = Vec<T>::lanes;
  Vec<T> sum[vectors];
#pragma GCC unroll 8
  for (auto& s : sum) s = Vec<T>::broadcast(start);
  for (int64_t l = 0; l < L; ++l) {
    const Vec<T> weight = Vec<T>::broadcast(w + l);
    const T* from = x + offset[l];
#pragma GCC unroll 8
    for (int v = 0; v < vectors - 1; ++v) sum[v] = fma(weight, Vec<T>::load(from + v * lanes), sum[v]);
    sum[vectors - 1] = fma(weight, load(from + (vectors - 1) * lanes, last), sum[vectors - 1]);
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors - 1; ++v) sum[v].store(y + v * lanes);
  store(y + (vectors - 1) * lanes, last, sum[vectors - 1]);
}

template <class T>
void correlate(int64_t n, int64_t L, T start, const T* w, const int64_t* offset, const T* x, T* y) {
  constexpr int64_t lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + 8 * lanes <= n; i += 8 * lanes) correlate_block<8>(L, start, w, offset, x + i, y + i, Whole{});
  for (; i + 2 * lanes <= n; i += 2 * lanes) correlate_block<2>(L, start, w, offset, x + i, y + i, Whole{});
  each_register<T>(n - i, [=](int64_t j, auto some) {
    correlate_block<1>(L, start, w, offset, x + i + j, y + i + j, some);
  });
}


template <class T>
constexpr Im2colKernels<T> table() {
  return {
      .pack_panel = pack_panel<T>,
      .correlate = correlate<T>,
  };
}

}  // namespace
}  // namespace im2col

constinit const Im2colKernels<float> kIm2colF32 = im2col::table<float>();
constinit const Im2colKernels<double> kIm2colF64 = im2col::table<double>();

}  // namespace nncore::NNCORE_ISA
