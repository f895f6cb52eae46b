/// Products with packed weights whose lanes run along the columns: y = x W^T + bias, dw = x^T dy, and column sums.
/// (The third product, dx = dy W, sums along the lanes: gemm_dx.cpp.)
///
/// Both products are the same tile: c[r, j] = start[j] + sum_l a[r, l] b[l, j] with up to 2 vectors of columns and
/// kTileRows rows in registers from the first l to the last. They differ in how they walk through a = x.
#include "kernels/declarations.hpp"
#include "kernels/gemm/narrow.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace {

// Rows in a tile. 2 columns of accumulators + 2 vectors of b + 1 broadcast of a:
// AVX-512 14 * 2 + 3 = 31 of 32 registers, per l 16 loads for 28 FMA; AVX2 6 * 2 + 3 = 15 of 16, 8 loads for 12 FMA;
// baseline 5 * 2 + 2 + 2 (the product needs a register of its own) = 14 of 16, 7 loads for 10 multiply-adds.
constexpr int kTileRows = NNCORE_AVX512 ? 14 : NNCORE_AVX2 ? 6 : 5;

// AVX-512 masks loads at no cost; elsewhere a partial vector is loaded whole wherever the bytes behind it exist.
constexpr bool kMaskedLoadsAreFree = NNCORE_AVX512;

/// Up to this many columns, most lanes of a register of columns would be idle.
template <class T>
constexpr int64_t kNarrow = Vec<T>::lanes / 4 > 1 ? Vec<T>::lanes / 4 : 1;

/// One call. length: terms of the sum; whole: how many of them may load whole vectors of b; width: columns.
/// lda, ldb, ldc: distance of rows; start: null for zeros; add: start is what stands in c instead.
template <class T>
struct Problem {
  int64_t length, whole, width;
  const T* a;
  int64_t lda;
  const T* b;
  int64_t ldb;
  const T* start;
  T* c;
  int64_t ldc;
  bool add = false;
};

/// How many of the `length` rows of b may be read to the end of `columns` >= width lanes: the bytes behind the row's
/// last column have to belong to a later row.
template <class T>
int64_t whole_rows(const Problem<T>& p, int64_t columns) {
  if (kMaskedLoadsAreFree || p.width == columns) return p.length;
  const int64_t at_the_end = (columns - p.width + p.ldb - 1) / p.ldb;
  return p.length > at_the_end ? p.length - at_the_end : 0;
}

/// a as it is stored: rows are rows (forward). Pointers to every third row and offsets of one and two rows address
/// all of them with a third of the registers.
template <class T, int R>
struct RowsOfA {
  const T* third[(R + 2) / 3];
  int64_t lda;
  NNCORE_INLINE RowsOfA(const T* a, int64_t stride) : lda(stride) {
#pragma GCC unroll 16
    for (int i = 0; i < (R + 2) / 3; ++i) third[i] = a + 3 * i * stride;
  }
  NNCORE_INLINE const T* row(int r) const { return third[r / 3] + r % 3 * lda; }
  NNCORE_INLINE void next() {
#pragma GCC unroll 16
    for (int i = 0; i < (R + 2) / 3; ++i) ++third[i];
  }
};

/// a as it is stored, transposed: its columns are the tile's rows, so they are neighbours (weight gradient).
template <class T, int R>
struct ColumnsOfA {
  const T* first;
  int64_t lda;
  NNCORE_INLINE ColumnsOfA(const T* a, int64_t stride) : first(a), lda(stride) {}
  NNCORE_INLINE const T* row(int r) const { return first + r; }
  NNCORE_INLINE void next() { first += lda; }
};

/// R rows x `vectors` vectors of c, the last one partial. Where masks cost, the last of several starts early enough to
/// be whole instead and computes some columns twice, to the same bits.
template <template <class, int> class Walk, class T, int R, int vectors>
[[gnu::noinline]] void tile(const Problem<T>& problem, const T* a_start, T* c) {
  constexpr int lanes = Vec<T>::lanes, last = vectors - 1;
  const Problem<T> p = problem;  // a copy, so that stores to c cannot be suspected of changing it
  constexpr bool early = vectors > 1 && !kMaskedLoadsAreFree;
  const int64_t last_at = early ? p.width - lanes : last * lanes;
  const FirstLanes<T> partial(p.width - last_at);
  const auto load_last = [&](const T* row) __attribute__((always_inline)) {
    if constexpr (early) return Vec<T>::load(row + last_at);
    else return Vec<T>::load(row + last_at, partial);
  };
  Vec<T> sum[R][vectors];
  if (p.add) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < last; ++v) sum[r][v] = Vec<T>::load(c + r * p.ldc + v * lanes);
      sum[r][last] = load_last(c + r * p.ldc);
    }
  } else {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const Vec<T> start = !p.start ? Vec<T>::zero() : v < last ? Vec<T>::load(p.start + v * lanes) : load_last(p.start);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum[r][v] = start;
    }
  }

  Walk<T, R> a(a_start, p.lda);
  const T* b = p.b;
  const auto add_term = [&](Vec<T> last_of_b) __attribute__((always_inline)) {
    Vec<T> row_of_b[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < last; ++v) row_of_b[v] = Vec<T>::load(b + v * lanes);
    row_of_b[last] = last_of_b;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec<T> x = Vec<T>::broadcast(a.row(r));
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(x, row_of_b[v], sum[r][v]);
    }
    a.next();
    b += p.ldb;
  };
  int64_t l = 0;
  if constexpr (!kMaskedLoadsAreFree && vectors == 1)
    for (; l < p.whole; ++l) add_term(Vec<T>::load(b));
  for (; l < p.length; ++l) add_term(load_last(b));

#pragma GCC unroll 16
  for (int r = 0; r < R; ++r, c += p.ldc) {
#pragma GCC unroll 16
    for (int v = 0; v < last; ++v) sum[r][v].store(c + v * lanes);
    if (!early && (kMaskedLoadsAreFree || p.width < lanes)) sum[r][last].store(c + last_at, partial);
    else sum[r][last].store(c + last_at);
  }
}

/// The tile of `rows` <= R rows, R counted down at compile time.
template <template <class, int> class Walk, class T, int vectors, int R = kTileRows>
NNCORE_INLINE void tile_of(int64_t rows, const Problem<T>& p, const T* a, T* c) {
  if constexpr (R > 0) {
    if (rows == R) tile<Walk, T, R, vectors>(p, a, c);
    else tile_of<Walk, T, vectors, R - 1>(rows, p, a, c);
  }
}

/// All rows in tiles as equal as possible: 15 rows are 8 + 7, because a tile of one row would wait for its own sums.
template <template <class, int> class Walk, class T, int vectors>
void tiles(int64_t rows, int64_t most, int64_t a_row, Problem<T>& p) {
  p.whole = whole_rows(p, vectors * Vec<T>::lanes);
  if (rows <= most) return tile_of<Walk, T, vectors>(rows, p, p.a, p.c);
  const int64_t count = (rows + most - 1) / most, least = rows / count, one_more = rows % count;
  const T* a = p.a;
  T* c = p.c;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t now = least + (i < one_more ? 1 : 0);
    tile_of<Walk, T, vectors>(now, p, a, c);
    a += now * a_row;
    c += now * p.ldc;
  }
}

template <template <class, int> class Walk, class T>
NNCORE_INLINE void product(int64_t rows, int64_t most, int64_t a_row, Problem<T> p) {
  if (p.width > Vec<T>::lanes) tiles<Walk, T, 2>(rows, most, a_row, p);
  else if (p.width > 0) tiles<Walk, T, 1>(rows, most, a_row, p);
}

template <class T>
NNCORE_INLINE void forward(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* b, const T* bias,
                           T* y, int64_t ldy) {
  // rows a multiple of 4 KiB apart share one set of the first cache, which has 8 lines or more
  const bool one_set = ldx * static_cast<int64_t>(sizeof(T)) % 4096 == 0;
  if (!one_set && narrow_forward(M, width, K, x, ldx, b, bias, y, ldy)) return;
  product<RowsOfA, T>(M, one_set && kTileRows > 8 ? 8 : kTileRows, ldx, {K, 0, width, x, ldx, b, width, bias, y, ldy});
}

/// The weight gradient of a few columns with the lanes along k, where they are all used: dw^T = dy^T x, a block of
/// columns at a time, then turned round. The sums are the same, term by term.
template <class T>
void narrow_weight_gradient(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy,
                            T* dw) {
  constexpr int64_t block = 2 * Vec<T>::lanes;
  alignas(kVectorBytes) T turned[kNarrow<T> * block];
  for (int64_t k0 = 0; k0 < K; k0 += block, dw += block * width) {
    const int64_t columns = K - k0 < block ? K - k0 : block;
    product<ColumnsOfA, T>(width, kTileRows, 1, {M, 0, columns, dy, lddy, x + k0, ldx, nullptr, turned, columns});
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t j = 0; j < width; ++j) dw[k * width + j] = turned[j * columns + k];
  }
}

template <class T>
NNCORE_INLINE void weight_gradient(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy,
                                   int64_t lddy, T* dw) {
  if (width <= kNarrow<T> && M > 2 && K >= 4 * width) narrow_weight_gradient(M, width, K, x, ldx, dy, lddy, dw);
  else product<ColumnsOfA, T>(K, kTileRows, 1, {M, 0, width, x, ldx, dy, lddy, nullptr, dw, width});
}

template <class T>
NNCORE_INLINE void part(bool columns, int64_t R, int64_t L, int64_t width, const T* a, int64_t lda, const T* b,
                        int64_t ldb, bool add, T* c, int64_t ldc) {
  constexpr int64_t panel = 2 * Vec<T>::lanes;
  for (int64_t j = 0; j < width; j += panel) {
    const int64_t some = width - j < panel ? width - j : panel;
    const Problem<T> p = {L, 0, some, a, lda, b + j, ldb, nullptr, c + j, ldc, add};
    if (columns) product<ColumnsOfA, T>(R, kTileRows, 1, p);
    else product<RowsOfA, T>(R, kTileRows, lda, p);
  }
}

// A column's sum is kChains sums, of the rows m = 0, 1, ... modulo kChains: one addition after the other would wait for
// its own result. More chains, or fewer vectors in a strip, would cost wide rows more than they give narrow ones.
constexpr int kChains = NNCORE_AVX512 ? 4 : 2, kStrip = 4;

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
  if (kMaskedLoadsAreFree || width < lanes)
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
NNCORE_INLINE void sum_columns(int64_t M, int64_t N, const T* x, int64_t ldx, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes, strip = kStrip * lanes;
  if (M == 1)
    return each_register<T>(N, [=](int64_t j, auto some) { store(out + j, some, Vec<T>::zero() + load(x + j, some)); });
  if (ldx == N && N > 0 && kChains * N <= kGaplessVectors * lanes && M >= kManyRows)
    return gapless_of<T>((kChains * N + lanes - 1) / lanes, M, N, x, out);
  for (int64_t j = 0; j < N; j += strip) strip_of(N - j < strip ? N - j : strip, M, x + j, ldx, out + j);
}

}  // namespace

void gemm_forward(int64_t M, int64_t width, int64_t K, const float* x, int64_t ldx, const float* b, const float* bias,
                  float* y, int64_t ldy) {
  forward(M, width, K, x, ldx, b, bias, y, ldy);
}
void gemm_forward(int64_t M, int64_t width, int64_t K, const double* x, int64_t ldx, const double* b,
                  const double* bias, double* y, int64_t ldy) {
  forward(M, width, K, x, ldx, b, bias, y, ldy);
}

void gemm_dw(int64_t M, int64_t width, int64_t K, const float* x, int64_t ldx, const float* dy, int64_t lddy,
             float* dw) {
  weight_gradient(M, width, K, x, ldx, dy, lddy, dw);
}
void gemm_dw(int64_t M, int64_t width, int64_t K, const double* x, int64_t ldx, const double* dy, int64_t lddy,
             double* dw) {
  weight_gradient(M, width, K, x, ldx, dy, lddy, dw);
}

void gemm_part(bool columns, int64_t R, int64_t L, int64_t width, const float* a, int64_t lda, const float* b,
               int64_t ldb, bool add, float* c, int64_t ldc) {
  part(columns, R, L, width, a, lda, b, ldb, add, c, ldc);
}
void gemm_part(bool columns, int64_t R, int64_t L, int64_t width, const double* a, int64_t lda, const double* b,
               int64_t ldb, bool add, double* c, int64_t ldc) {
  part(columns, R, L, width, a, lda, b, ldb, add, c, ldc);
}

void column_sums(int64_t M, int64_t N, const float* x, int64_t ldx, float* out) { sum_columns(M, N, x, ldx, out); }
void column_sums(int64_t M, int64_t N, const double* x, int64_t ldx, double* out) { sum_columns(M, N, x, ldx, out); }

}  // namespace nncore::NNCORE_ISA
