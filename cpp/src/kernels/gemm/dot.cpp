/// y = x W^T + bias as dot products, the lanes along K. Each result is one register of sums, whose lanes are added in a
/// fixed tree.
#include "kernels/gemm/dot.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/shuffle.hpp"

namespace nncore::NNCORE_ISA {
namespace dot_gemm {
namespace {

// Rows of x and rows of w in a tile. AVX-512 6 * 4 sums + 6 + 1 = 31 of 32 registers, per vector 10 loads for 24 FMA;
// AVX2 3 * 4 + 3 + 1 = 16, 7 loads for 12 FMA; SSE2 2 * 4 + 2 + 2.
constexpr int kTileC = 4, kTileM = (kRegisters - 1 - kTemporaries) / (kTileC + 1);
// Rows of w in a tile of one row of x: that product is memory-bound, and more parallel streams raise the bandwidth.
constexpr int kStreams = kRegisters / 2;

/// One call, as in gemm/dot.hpp.
template <class T>
struct Rows {
  int64_t C, K, panel, ldx, ldy;
  const T *x, *w, *bias;
  T* y;
};

/// y[m .. m + M, c .. c + C), tile `index` of `tiles` with the same rows of w. Together these tiles prefetch the rows
/// of w that follow, each every tiles-th register: a strided access that the hardware prefetcher misses. A single tile
/// is memory-bound and does not prefetch.
template <class T, int M, int C>
[[gnu::noinline]] void tile(const Rows<T>& given, int64_t m, int64_t c, int64_t index, int64_t tiles) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const Rows<T> r = given;
  const T* x = r.x + m * r.ldx;
  int64_t until_prefetch = tiles > 1 ? index : -1;
  Vec<T> total[M][C < 4 ? 4 : C];
#pragma GCC unroll 8
  for (auto& row : total)
#pragma GCC unroll 16
    for (auto& t : row) t = Vec<T>::zero();
  for (int64_t k = 0; k < r.K; k += r.panel) {
    int64_t left = r.K - k < r.panel ? r.K - k : r.panel;
    const int64_t ldw = left;
    const T* w = r.w + k * r.C + c * ldw;
    const auto add = [&](const auto&... some) __attribute__((always_inline)) {
      Vec<T> a[M];
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) a[i] = Vec<T>::load(x + i * r.ldx, some...);
#pragma GCC unroll 16
      for (int j = 0; j < C; ++j) {
        const Vec<T> b = in_register(Vec<T>::load(w + j * ldw, some...));
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) total[i][j] = fma(a[i], b, total[i][j]);
      }
    };
    for (; left >= lanes; left -= lanes, x += lanes, w += lanes) {
      if (until_prefetch-- == 0) {
        until_prefetch = tiles - 1;
#pragma GCC unroll 16
        for (int j = 0; j < C; ++j) __builtin_prefetch(w + (C + j) * ldw);
      }
      add();
    }
    if (left > 0) {
      add(FirstLanes<T>(left));
      x += left;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
    T sums[C < 4 ? 4 : C];
#pragma GCC unroll 4
    for (int j = 0; j < C; j += 4) sum_lanes(total[i] + j, sums + j);
#pragma GCC unroll 16
    for (int j = 0; j < C; ++j) r.y[(m + i) * r.ldy + c + j] = r.bias ? sums[j] + r.bias[c + j] : sums[j];
  }
}

/// The tile of `rows` <= M rows, M counted down at compile time.
template <class T, int C, int M = kTileM>
NNCORE_INLINE void tile_of(int64_t rows, const Rows<T>& r, int64_t m, int64_t c, int64_t index, int64_t tiles) {
  if constexpr (M > 0) {
    if (rows == M) tile<T, M, C>(r, m, c, index, tiles);
    else tile_of<T, C, M - 1>(rows, r, m, c, index, tiles);
  }
}

/// All M rows with C rows of w, in tiles as equal as possible.
template <class T, int C>
NNCORE_INLINE void strip(int64_t M, const Rows<T>& r, int64_t c) {
  const int64_t tiles = (M + kTileM - 1) / kTileM;
  for (int64_t i = 0, m = 0; i < tiles; ++i) {
    const int64_t rows = (M - m + tiles - i - 1) / (tiles - i);
    tile_of<T, C>(rows, r, m, c, i, tiles);
    m += rows;
  }
}

template <class T>
void forward(int64_t M, int64_t C, int64_t K, int64_t panel, const T* x, int64_t ldx, const T* w, const T* bias, T* y,
             int64_t ldy) {
  const Rows<T> r = {C, K, panel, ldx, ldy, x, w, bias, y};
  int64_t c = 0;
  for (; M == 1 && c + kStreams <= r.C; c += kStreams) tile<T, 1, kStreams>(r, 0, c, 0, 1);
  for (; c + kTileC <= r.C; c += kTileC) strip<T, kTileC>(M, r, c);
  for (; c < r.C; ++c) strip<T, 1>(M, r, c);
}


template <class T>
constexpr DotGemmKernels<T> table() {
  return {
      .forward = forward<T>,
  };
}

}  // namespace
}  // namespace dot_gemm

constinit const DotGemmKernels<float> kDotGemmF32 = dot_gemm::table<float>();
constinit const DotGemmKernels<double> kDotGemmF64 = dot_gemm::table<double>();

}  // namespace nncore::NNCORE_ISA
