/// Sums of the columns of a matrix.
#pragma once

#include "kernels/gemm/microkernel.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace gemm {
namespace {

// A column's sum is kChains sums, of the rows m = 0, 1, ... modulo kChains: one addition after the other would wait for
// its own result. More chains, or fewer vectors in a strip, would cost wide rows more than they give narrow ones.
constexpr int kChains = kRegisters / 8, kStrip = 4;

/// The sum of the chains; chain(i) is the i-th.
template <class Chain>
NNCORE_INLINE auto join(const Chain& chain) {
  if constexpr (kChains == 4) return (chain(0) + chain(1)) + (chain(2) + chain(3));
  else return chain(0) + chain(1);
}

/// `vectors` vectors of columns; the last one holds `lanes_of_last` and starts at column last_at.
template <class T, int vectors, class Lanes>
NNCORE_INLINE void sum_strip(int64_t M, const T* x, int64_t ldx, T* out, int64_t last_at, Lanes lanes_of_last) {
  constexpr int lanes = Vec<T>::lanes, last = vectors - 1;
  Vec<T> sum[kChains][vectors];
#pragma GCC unroll 4
  for (auto& chain : sum)
#pragma GCC unroll 4
    for (auto& s : chain) s = Vec<T>::zero();
  const auto add_row = [&](Vec<T>(&chain)[vectors], const T* row) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int v = 0; v < last; ++v) chain[v] = chain[v] + Vec<T>::load(row + v * lanes);
    chain[last] = chain[last] + load(row + last_at, lanes_of_last);
  };
  int64_t m = 0;
  for (; m + kChains <= M; m += kChains, x += kChains * ldx)
#pragma GCC unroll 4
    for (int i = 0; i < kChains; ++i) add_row(sum[i], x + i * ldx);
#pragma GCC unroll 4
  for (int i = 0; i < kChains - 1; ++i)
    if (m + i < M) add_row(sum[i], x + i * ldx);
#pragma GCC unroll 4
  for (int v = 0; v < last; ++v) join([&](int i) { return sum[i][v]; }).store(out + v * lanes);
  store(out + last_at, lanes_of_last, join([&](int i) { return sum[i][last]; }));
}

/// The strip of `width` columns in at most `vectors` vectors. Where masks cost, the last vector starts early enough to
/// be whole and sums some columns twice.
template <class T, int vectors = kStrip>
NNCORE_INLINE void strip_of(int64_t width, int64_t M, const T* x, int64_t ldx, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes, last_at = (vectors - 1) * lanes;
  if constexpr (vectors > 1)
    if (width <= last_at) return strip_of<T, vectors - 1>(width, M, x, ldx, out);
  if (kFreeMasks || width < lanes)
    sum_strip<T, vectors>(M, x, ldx, out, last_at, FirstLanes<T>(width - last_at));
  else sum_strip<T, vectors>(M, x, ldx, out, width - lanes, Whole{});
}

// Up to this many vectors for kChains rows without gaps, and from this many rows on.
constexpr int kGaplessVectors = 8, kManyRows = 24;

/// Rows without gaps: kChains of them are read as one row of kChains * N numbers, in `vectors` vectors.
template <class T, int vectors>
[[gnu::noinline]] void sum_gapless(int64_t M, int64_t N, const T* x, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes, last = vectors - 1;
  Vec<T> sum[vectors];
#pragma GCC unroll 8
  for (auto& s : sum) s = Vec<T>::zero();
  const FirstLanes<T> partial(kChains * N - last * lanes);
  int64_t m = 0;
  for (; m + kChains <= M; m += kChains, x += kChains * N) {
#pragma GCC unroll 8
    for (int v = 0; v < last; ++v) sum[v] = sum[v] + Vec<T>::load(x + v * lanes);
    sum[last] = sum[last] + Vec<T>::load(x + last * lanes, partial);
  }
  alignas(kVectorBytes) T chains[(vectors + 1) * lanes];
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) sum[v].store(chains + v * lanes);
  Vec<T>::zero().store(chains + vectors * lanes);
  for (int64_t i = 0; i < (M - m) * N; ++i) chains[i] += x[i];
  for (int64_t j = 0; j < N; j += lanes) {
    const Vec<T> total = join([&](int i) { return Vec<T>::load(chains + i * N + j); });
    total.store(out + j, FirstLanes<T>(N - j < lanes ? N - j : lanes));
  }
}

template <class T, int vectors = kGaplessVectors>
NNCORE_INLINE void gapless_of(int64_t count, int64_t M, int64_t N, const T* x, T* out) {
  if constexpr (vectors > 1)
    if (count < vectors) return gapless_of<T, vectors - 1>(count, M, N, x, out);
  sum_gapless<T, vectors>(M, N, x, out);
}

template <class T>
void column_sums(int64_t M, int64_t N, const T* x, int64_t ldx, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes, strip = kStrip * lanes;
  if (M == 1)
    return each_register<T>(N, [=](int64_t j, auto some) { store(out + j, some, Vec<T>::zero() + load(x + j, some)); });
  if (ldx == N && N > 0 && kChains * N <= kGaplessVectors * lanes && M >= kManyRows)
    return gapless_of<T>((kChains * N + lanes - 1) / lanes, M, N, x, out);
  for (int64_t j = 0; j < N; j += strip) strip_of(N - j < strip ? N - j : strip, M, x + j, ldx, out + j);
}

}  // namespace
}  // namespace gemm
}  // namespace nncore::NNCORE_ISA
