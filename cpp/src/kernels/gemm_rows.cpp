/// Products of rows with rows: weights are read as they lie in memory, which saves packing them for a product that is
/// computed once. Lanes run along the rows; each result has one register of sums, folded in a fixed tree.
#include "kernels/declarations.hpp"
#include "kernels/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

// M rows of x by C rows of w in a tile. AVX-512 4 * 4 sums + 4 + 1 registers, AVX2 and baseline 2 * 4 + 2 + 1.
constexpr int64_t kTileM = NNCORE_AVX512 ? 4 : 2, kTileC = 4;

template <class T>
struct Rows {
  int64_t K, ldx, ldw, ldy;
  const T *x, *w, *bias;
  T* y;
};

template <class T, int M, int C>
[[gnu::noinline]] void tile(const Rows<T>& given, int64_t m, int64_t c) {
  constexpr int64_t L = Vec<T>::lanes;
  const Rows<T> r = given;
  const T *x = r.x + m * r.ldx, *w = r.w + c * r.ldw;
  Vec<T> total[M][C];
#pragma GCC unroll 4
  for (auto& row : total)
#pragma GCC unroll 8
    for (auto& t : row) t = Vec<T>::zero();
  const auto add = [&](auto load) __attribute__((always_inline)) {
    Vec<T> a[M];
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) a[i] = load(x + i * r.ldx);
#pragma GCC unroll 8
    for (int j = 0; j < C; ++j) {
      const Vec<T> b = load(w + j * r.ldw);
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) total[i][j] = fma(a[i], b, total[i][j]);
    }
  };
  int64_t k = 0;
  for (; k + L <= r.K; k += L, x += L, w += L) add([](const T* p) __attribute__((always_inline)) { return Vec<T>::load(p); });
  if (k < r.K) {
    const FirstLanes<T> some(r.K - k);
    add([=](const T* p) __attribute__((always_inline)) { return Vec<T>::load(p, some); });
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < C; ++j) {
      const T s = sum(total[i][j]);
      r.y[(m + i) * r.ldy + c + j] = r.bias ? s + r.bias[c + j] : s;
    }
}

template <class T, int M>
NNCORE_INLINE void rows_of(const Rows<T>& r, int64_t m, int64_t C) {
  int64_t c = 0;
  for (; c + kTileC <= C; c += kTileC) tile<T, M, kTileC>(r, m, c);
  for (; c < C; ++c) tile<T, M, 1>(r, m, c);
}

template <class T>
void product(int64_t M, int64_t C, const Rows<T>& r) {
  int64_t m = 0;
  for (; m + kTileM <= M; m += kTileM) rows_of<T, kTileM>(r, m, C);
  for (; m < M; ++m) rows_of<T, 1>(r, m, C);
}

}  // namespace

void gemm_rows(int64_t M, int64_t C, int64_t K, const float* x, int64_t ldx, const float* w, const float* bias,
               float* y, int64_t ldy) {
  product<float>(M, C, {K, ldx, K, ldy, x, w, bias, y});
}
void gemm_rows(int64_t M, int64_t C, int64_t K, const double* x, int64_t ldx, const double* w, const double* bias,
               double* y, int64_t ldy) {
  product<double>(M, C, {K, ldx, K, ldy, x, w, bias, y});
}

}  // namespace nncore::NNCORE_ISA
