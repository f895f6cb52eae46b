/// dx = dy W with packed weights: the product that sums along the columns, with a micro-kernel of its own.
///
/// With many columns the lanes run along the sum and every result is the sum over the lanes of one register. With
/// few, adding up the lanes would cost more than the products: there a block of b is transposed and forward does
/// the rest. N and K alone decide, so rows and cuts keep their bits.
#pragma once

#include "kernels/gemm/forward.hpp"
#include "kernels/simd/shuffle.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

// Rows of dy and rows of b in a tile. AVX-512 3 * 8 accumulators + 3 vectors of dy + 1 of b = 28 of 32 registers, per
// vector of columns 11 loads for 24 FMA; AVX2 3 * 4 + 3 + 1 = 16, 7 loads for 12 FMA; SSE2 2 * 4 + 2 + 2.
constexpr int kDxColumns = kRegisters / 4 < 8 ? kRegisters / 4 : 8;
constexpr int kDxRows = (kRegisters - 1 - kTemporaries) / (kDxColumns + 1);

template <class T>
constexpr int64_t kPanel = 2 * Vec<T>::lanes;

// Up to this many columns, and from this many rows of b on, transposing is the quicker way for 4 rows of dy or more.
constexpr int64_t kFewColumns = 32, kEnoughRows = 5;

/// One call. N columns in panels of at most 2 vectors, K rows of b; lddy, lddx: distance of rows.
template <class T>
struct InputGradient {
  int64_t N, K;
  const T* b;
  int64_t lddy, lddx;
};

/// dx[m, k .. k + RK) for RM rows.
template <class T, int RM, int RK>
[[gnu::noinline]] void dx_tile(const InputGradient<T>& given, int64_t k, const T* dy, T* dx) {
  constexpr int64_t lanes = Vec<T>::lanes, panel = kPanel<T>;
  const InputGradient<T> p = given;
  Vec<T> sum[RM][RK < 4 ? 4 : RK];
#pragma GCC unroll 16
  for (int m = 0; m < RM; ++m)
#pragma GCC unroll 16
    for (auto& s : sum[m]) s = Vec<T>::zero();

  const auto add_columns = [&](const T* b, int64_t width, const auto&... partial) __attribute__((always_inline)) {
    Vec<T> of_dy[RM];
#pragma GCC unroll 16
    for (int m = 0; m < RM; ++m) of_dy[m] = Vec<T>::load(dy + m * p.lddy, partial...);
#pragma GCC unroll 16
    for (int r = 0; r < RK; ++r) {
      const Vec<T> of_b = in_register(Vec<T>::load(b + r * width, partial...));
#pragma GCC unroll 16
      for (int m = 0; m < RM; ++m) sum[m][r] = fma(of_dy[m], of_b, sum[m][r]);
    }
    dy += lanes;
  };
  const T* b = p.b + k * panel;
  int64_t left = p.N;
  for (; left >= panel; left -= panel, b += panel * p.K) {
    add_columns(b, panel);
    add_columns(b + lanes, panel);
  }
  if (left > 0) {  // the last panel is narrower and so are its rows
    const T* narrow = b - k * (panel - left);
    const FirstLanes<T> partial(left > lanes ? left - lanes : left);
    if (left > lanes) {
      add_columns(narrow, left);
      narrow += lanes;
    }
    add_columns(narrow, left, partial);
  }

#pragma GCC unroll 16
  for (int m = 0; m < RM; ++m, dx += p.lddx) {
    if constexpr (RK < 4) {
      T four[4];
      sum_lanes(sum[m], four);
#pragma GCC unroll 4
      for (int r = 0; r < RK; ++r) dx[k + r] = four[r];
    } else {
#pragma GCC unroll 4
      for (int r = 0; r < RK; r += 4) sum_lanes(sum[m] + r, dx + k + r);
    }
  }
}

/// All M rows at k .. k + RK, in tiles of kDxRows rows and one tile of the rest.
template <class T, int RK>
void dx_strip(int64_t M, const InputGradient<T>& p, int64_t k, const T* dy, T* dx) {
  int64_t m = 0;
  for (; M - m >= kDxRows; m += kDxRows) dx_tile<T, kDxRows, RK>(p, k, dy + m * p.lddy, dx + m * p.lddx);
  if (M - m == 2) dx_tile<T, 2, RK>(p, k, dy + m * p.lddy, dx + m * p.lddx);
  if (M - m == 1) dx_tile<T, 1, RK>(p, k, dy + m * p.lddy, dx + m * p.lddx);
}

/// out (N, width) = the transpose of b (width, N), both without gaps. The last block of rows or columns starts early
/// enough to be whole; matrices smaller than a block are copied element by element.
template <class T>
void transpose_matrix(int64_t width, int64_t N, const T* b, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes, part = kPart<T>;
  if (width < lanes || N < part) {
    for (int64_t i = 0; i < width; ++i)
      for (int64_t j = 0; j < N; ++j) out[j * width + i] = b[i * N + j];
    return;
  }
  for (int64_t i = 0; i < width; i += lanes) {
    const int64_t row = i + lanes <= width ? i : width - lanes;
    for (int64_t j = 0; j < N; j += part) {
      const int64_t column = j + part <= N ? j : N - part;
      Vec<T> transposed[part];
      transpose_part(b + row * N + column, N, transposed);
#pragma GCC unroll 4
      for (int64_t c = 0; c < part; ++c) transposed[c].store(out + (column + c) * width + row);
    }
  }
}

/// N <= kFewColumns.
template <class T>
void few_columns(int64_t M, int64_t k0, int64_t k1, const InputGradient<T>& p, const T* dy, T* dx) {
  constexpr int64_t panel = kPanel<T>;
  alignas(kVectorBytes) T transposed[kFewColumns * panel];
  for (int64_t k = k0; k < k1; k += panel) {
    const int64_t rows = k1 - k < panel ? k1 - k : panel;
    for (int64_t j = 0; j < p.N; j += panel) {
      const int64_t width = p.N - j < panel ? p.N - j : panel;
      transpose_matrix(rows, width, p.b + j * p.K + k * width, transposed + j * rows);
    }
    forward<T>(M, rows, p.N, dy, p.lddy, transposed, nullptr, dx + k, p.lddx);
  }
}

/// Strips of kDxColumns, the last ones narrower; where a strip would end behind k1 it starts earlier instead and
/// computes some results again, to the same bits.
template <class T>
void many_columns(int64_t M, int64_t k0, int64_t k1, const InputGradient<T>& p, const T* dy, T* dx) {
  int64_t k = k0;
  for (; k1 - k >= kDxColumns; k += kDxColumns) dx_strip<T, kDxColumns>(M, p, k, dy, dx);
  if (kDxColumns > 4 && k1 - k > 4 && k1 - k0 >= kDxColumns)
    return dx_strip<T, kDxColumns>(M, p, k1 - kDxColumns, dy, dx);
  while (k < k1) {
    const int64_t left = k1 - k, all = k1 - k0;
    if (all >= 4) dx_strip<T, 4>(M, p, left < 4 ? k1 - 4 : k, dy, dx), k += 4;
    else if (all >= 2) dx_strip<T, 2>(M, p, left < 2 ? k1 - 2 : k, dy, dx), k += 2;
    else dx_strip<T, 1>(M, p, k, dy, dx), k += 1;
  }
}

template <class T>
void input_gradient(int64_t M, int64_t N, int64_t K, int64_t k0, int64_t k1, const T* dy, int64_t lddy, const T* b,
                    T* dx, int64_t lddx) {
  const InputGradient<T> p = {N, K, b, lddy, lddx};
  if (N <= kFewColumns && K >= kEnoughRows) few_columns(M, k0, k1, p, dy, dx);
  else many_columns(M, k0, k1, p, dy, dx);
}


}  // namespace
}  // namespace gemm
}  // namespace nncore::NNCORE_ISA
