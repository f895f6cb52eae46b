/// Products of feature-major arrays: a row of samples for each feature. Narrow layers leave no lane idle so,
/// and weights are broadcast from their natural layout.
#include "kernels/gemm/feature_major.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/shuffle.hpp"
#include "kernels/simd/reorder.hpp"

namespace nncore::NNCORE_ISA {
namespace feature_major {
namespace {

/// Where the weights of one output and those of one input lie apart: (K, 1) forward, (1, K) backward.
struct WeightStrides {
  int64_t output, input;
};

/// R outputs for V registers of samples: R V sums, V loads and R broadcasts for R V FMAs.
template <class T, int R, int V>
NNCORE_INLINE void product_tile(int64_t K, int64_t ld, const T* x, const T* w, WeightStrides stride, const T* bias,
                                T* y) {
  constexpr int L = Vec<T>::lanes;
  Vec<T> sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = bias ? Vec<T>::broadcast(bias + r) : Vec<T>::zero();
  for (int64_t k = 0; k < K; ++k, x += ld, w += stride.input) {
    Vec<T> sample[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sample[v] = in_register(Vec<T>::load(x + v * L));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec<T> weight = Vec<T>::broadcast(w + r * stride.output);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = fma(sample[v], weight, sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v].store(y + r * ld + v * L);
}

/// All N samples of R outputs.
template <class T, int R>
[[gnu::noinline]] void product_rows(int64_t N, int64_t K, int64_t ld, const T* x, const T* w, WeightStrides stride,
                                    const T* bias, T* y) {
  constexpr int64_t L = Vec<T>::lanes;
  constexpr int wide = kRegisters / 8;
  int64_t n = 0;
  for (; n + wide * L <= N; n += wide * L) product_tile<T, R, wide>(K, ld, x + n, w, stride, bias, y + n);
  if (wide == 4 && n + 2 * L <= N) product_tile<T, R, 2>(K, ld, x + n, w, stride, bias, y + n), n += 2 * L;
  if (n < N) product_tile<T, R, 1>(K, ld, x + n, w, stride, bias, y + n);
}

template <class T>
void product(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* w, WeightStrides stride, const T* bias,
             T* y) {
  constexpr int R = kRegisters > 16 ? 6 : 5;  // 6 * 4 sums + 4 + 1 = 29 of 32 registers, 5 * 2 + 2 + 1 (or 2) of 16
  const auto at = [&](int64_t c) { return bias ? bias + c : nullptr; };
  int64_t c = 0;
  for (; c + R <= C; c += R) product_rows<T, R>(N, K, ld, x, w + c * stride.output, stride, at(c), y + c * ld);
  w += c * stride.output, y += c * ld;
  switch (C - c) {
    case 5: return product_rows<T, 5>(N, K, ld, x, w, stride, at(c), y);
    case 4: return product_rows<T, 4>(N, K, ld, x, w, stride, at(c), y);
    case 3: return product_rows<T, 3>(N, K, ld, x, w, stride, at(c), y);
    case 2: return product_rows<T, 2>(N, K, ld, x, w, stride, at(c), y);
    case 1: return product_rows<T, 1>(N, K, ld, x, w, stride, at(c), y);
    default: return;
  }
}

/// Lane i of the result is the sum of register i's lanes: each round joins neighbours, inside 16 bytes, then across.
template <class T>
NNCORE_INLINE Vec<T> sums(Vec<T> (&a)[Vec<T>::lanes]) {
  constexpr int L = Vec<T>::lanes;
  int apart = 1;
#pragma GCC unroll 8
  for (int i = 0; i < L; i += 2) a[i] = lower_pairs(a[i], a[i + 1]) + upper_pairs(a[i], a[i + 1]);
  apart = 2;
  if constexpr (sizeof(T) == 4) {
#pragma GCC unroll 4
    for (int i = 0; i < L; i += 4) a[i] = lower_halves(a[i], a[i + 2]) + upper_halves(a[i], a[i + 2]);
    apart = 4;
  }
#pragma GCC unroll 2
  for (; apart < L; apart *= 2)
#pragma GCC unroll 4
    for (int i = 0; i < L; i += 2 * apart) a[i] = join_parts(a[i], a[i + apart]);
  return a[0];
}

template <class T>
void forward(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* w, const T* bias, T* y) {
  product(N, C, K, ld, x, w, {K, 1}, bias, y);
}

template <class T>
void input_gradient(int64_t N, int64_t C, int64_t K, int64_t ld, const T* dy, const T* w, T* dx) {
  product<T>(N, K, C, ld, dy, w, {1, K}, nullptr, dx);
}

/// dw[c, k] for a tile of `rows` <= A outputs and `columns` <= L / A inputs. A tile at the edge repeats its last row
/// or column, so that every tile is the same code.
template <class T, int A>
NNCORE_INLINE void dw_tile(int64_t N, int64_t K, int64_t ld, int64_t rows, int64_t columns, const T* dy, const T* x,
                           T* dw) {
  constexpr int L = Vec<T>::lanes, B = L / A;
  const T *from_dy[A], *from_x[B];
#pragma GCC unroll 16
  for (int a = 0; a < A; ++a) from_dy[a] = dy + (a < rows ? a : rows - 1) * ld;
#pragma GCC unroll 16
  for (int b = 0; b < B; ++b) from_x[b] = x + (b < columns ? b : columns - 1) * ld;
  Vec<T> sum[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) sum[i] = Vec<T>::zero();
  for (int64_t n = 0; n < N; n += L) {
    Vec<T> input[B];
#pragma GCC unroll 16
    for (int b = 0; b < B; ++b) input[b] = in_register(Vec<T>::load(from_x[b] + n));
#pragma GCC unroll 16
    for (int a = 0; a < A; ++a) {
      const Vec<T> gradient = Vec<T>::load(from_dy[a] + n);
#pragma GCC unroll 16
      for (int b = 0; b < B; ++b) sum[a * B + b] = fma(gradient, input[b], sum[a * B + b]);
    }
  }
  if (K == B) return sums(sum).store(dw, FirstLanes<T>(rows * B));
  alignas(kVectorBytes) T total[L];
  sums(sum).store(total);
  if (columns == B) {
    for (int64_t a = 0; a < rows; ++a) __builtin_memcpy(dw + a * K, total + a * B, B * sizeof(T));
  } else {
    for (int64_t a = 0; a < rows; ++a)
      for (int64_t b = 0; b < columns; ++b) dw[a * K + b] = total[a * B + b];
  }
}

template <class T, int A>
[[gnu::noinline]] void dw_tiles(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* dy, T* dw) {
  constexpr int B = Vec<T>::lanes / A;
  for (int64_t c = 0; c < C; c += A)
    for (int64_t k = 0; k < K; k += B) {
      dw_tile<T, A>(N, K, ld, C - c < A ? C - c : A, K - k < B ? K - k : B, dy + c * ld, x + k * ld, dw + c * K + k);
    }
}

/// The tile that covers (C, K) in the fewest pieces, the squarest of them.
template <class T>
void weight_gradient(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* dy, T* dw) {
  constexpr int L = Vec<T>::lanes;
  const int shapes[] = {4, 2, 8, 1, 16};
  int64_t best = 0, fewest = INT64_MAX;
  for (const int A : shapes) {
    if (A > L) continue;
    const int64_t B = L / A, pieces = ((C + A - 1) / A) * ((K + B - 1) / B);
    if (pieces < fewest) fewest = pieces, best = A;
  }
  if (best == 1) return dw_tiles<T, 1>(N, C, K, ld, x, dy, dw);
  if (best == 2) return dw_tiles<T, 2>(N, C, K, ld, x, dy, dw);
  if constexpr (L >= 4)
    if (best == 4) return dw_tiles<T, 4>(N, C, K, ld, x, dy, dw);
  if constexpr (L >= 8)
    if (best == 8) return dw_tiles<T, 8>(N, C, K, ld, x, dy, dw);
  if constexpr (L >= 16) dw_tiles<T, 16>(N, C, K, ld, x, dy, dw);
}

template <class T>
NNCORE_INLINE T row_sum(int64_t N, const T* x) {
  Vec<T> total = Vec<T>::zero();
  for (int64_t n = 0; n < N; n += Vec<T>::lanes) total = total + Vec<T>::load(x + n);
  return sum(total);
}

/// out[c] = sum of row c: L rows at a time share one tree of sums, a few are folded one by one.
template <class T>
void bias_gradient(int64_t N, int64_t C, int64_t ld, const T* x, T* out) {
  constexpr int L = Vec<T>::lanes;
  int64_t c = 0;
  for (; C - c > L / 4; c += L) {
    const int64_t rows = C - c < L ? C - c : L;
    const T* from[L];
    Vec<T> total[L];
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) from[i] = x + (c + (i < rows ? i : rows - 1)) * ld, total[i] = Vec<T>::zero();
    for (int64_t n = 0; n < N; n += L)
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) total[i] = total[i] + Vec<T>::load(from[i] + n);
    sums(total).store(out + c, FirstLanes<T>(rows));
  }
  for (; c < C; ++c) out[c] = row_sum(N, x + c * ld);
}



template <class T>
constexpr FeatureMajorKernels<T> table() {
  return {
      .forward = forward<T>,
      .input_gradient = input_gradient<T>,
      .weight_gradient = weight_gradient<T>,
      .bias_gradient = bias_gradient<T>,
      .to_feature_major = to_feature_major<T>,
      .to_batch_major = to_batch_major<T>,
  };
}

}  // namespace
}  // namespace feature_major

constinit const FeatureMajorKernels<float> kFeatureMajorF32 = feature_major::table<float>();
constinit const FeatureMajorKernels<double> kFeatureMajorF64 = feature_major::table<double>();

}  // namespace nncore::NNCORE_ISA
