/// Products with a sparse left factor (SpMM), and dense products at listed places (SDDMM): zeros and unlisted results
/// are skipped. The sums are those of the dense products, term by term.
#include "kernels/gemm/sparse.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/shuffle.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace sparse {
namespace {

/// One call, as in gemm/sparse.hpp.
template <class T>
struct Sparse {
  int64_t R;
  const int32_t* ends;
  int64_t lde;
  const Nonzero<T>* a;
  int64_t lda, width;
  const T* b;
  int64_t ldb;
  bool add;
  T* c;
  int64_t ldc;
  const T* next_b;
};

/// The last register of a row: whole, or its first lanes.
template <class T, bool whole>
struct Last {
  FirstLanes<T> some;
  NNCORE_INLINE Vec<T> load(const T* p) const {
    if constexpr (whole) return Vec<T>::load(p);
    else return Vec<T>::load(p, some);
  }
  NNCORE_INLINE void store(Vec<T> a, T* p) const {
    if constexpr (whole) a.store(p);
    else a.store(p, some);
  }
};

/// f<vectors, whole>() for the registers that `width` elements take; is the last one whole?
template <class T, int vectors = kWidePanel, class F>
NNCORE_INLINE void for_width(int64_t width, F f) {
  if constexpr (vectors > 1)
    if (width <= (vectors - 1) * Vec<T>::lanes) return for_width<T, vectors - 1>(width, f);
  if (width == vectors * Vec<T>::lanes) f.template operator()<vectors, true>();
  else f.template operator()<vectors, false>();
}

/// A row of c is `vectors` registers from its first term to its last; a term takes one row of b.
template <class T, int vectors, bool whole>
[[gnu::noinline]] void rows(const Sparse<T>& given) {
  constexpr int64_t lanes = Vec<T>::lanes, last = vectors - 1;
  const Sparse<T> p = given;
  const Last<T, whole> end{FirstLanes<T>(p.width - last * lanes)};
  const int64_t share = (kSparseChunk + p.R - 1) / p.R;  // rows of the next b to prefetch beside each row of c
  const T* next_b = p.next_b;
  for (int64_t r = 0; r < p.R; ++r) {
    for (int64_t i = 0; next_b != nullptr && i < share; ++i, next_b += p.ldb)
#pragma GCC unroll 8
      for (int64_t v = 0; v < vectors; ++v) __builtin_prefetch(next_b + v * lanes);
    T* c = p.c + r * p.ldc;
    Vec<T> sum[vectors];
#pragma GCC unroll 8
    for (int64_t v = 0; v < last; ++v) sum[v] = p.add ? Vec<T>::load(c + v * lanes) : Vec<T>::zero();
    sum[last] = p.add ? end.load(c + last * lanes) : Vec<T>::zero();
    const int32_t* ends = p.ends + r * p.lde;
    for (const Nonzero<T>*a = p.a + r * p.lda + ends[0], *behind = p.a + r * p.lda + ends[1]; a != behind; ++a) {
      const Vec<T> value = Vec<T>::broadcast(&a->value);
      const T* b = p.b + a->at * p.ldb;
#pragma GCC unroll 8
      for (int64_t v = 0; v < last; ++v) sum[v] = fma(value, Vec<T>::load(b + v * lanes), sum[v]);
      sum[last] = fma(value, end.load(b + last * lanes), sum[last]);
    }
#pragma GCC unroll 8
    for (int64_t v = 0; v < last; ++v) sum[v].store(c + v * lanes);
    end.store(sum[last], c + last * lanes);
  }
}

template <class T>
void spmm(int64_t R, const int32_t* ends, int64_t lde, const Nonzero<T>* a, int64_t lda, int64_t width, const T* b,
          int64_t ldb, bool add, T* c, int64_t ldc, const T* next_b) {
  const Sparse<T> p = {R, ends, lde, a, lda, width, b, ldb, add, c, ldc, next_b};
  if (R == 0 || width == 0) return;
  for_width<T>(width, [&]<int vectors, bool whole>() { rows<T, vectors, whole>(p); });
}

/// Some results of x W^T, as in gemm/sparse.hpp.
template <class T>
struct Listed {
  int64_t M, C, K, panel;
  const int32_t* ends;
  int64_t lde;
  const Nonzero<T>* list;
  int64_t ldl;
  const T *x, *w, *bias;
  T *sums, *y;
  int64_t ldy;

  NNCORE_INLINE const Nonzero<T>* begin(int64_t c) const { return list + c * ldl + ends[c * lde]; }
  NNCORE_INLINE const Nonzero<T>* end(int64_t c) const { return list + c * ldl + ends[c * lde + 1]; }
};

/// What columns k to k + width add to all listed sums: a row of w stays in `vectors` registers for all of its list.
template <class T, int vectors, bool whole>
[[gnu::noinline]] void add_panel(const Listed<T>& p, int64_t k, int64_t width) {
  constexpr int64_t lanes = Vec<T>::lanes, last = vectors - 1;
  const Last<T, whole> end{FirstLanes<T>(width - last * lanes)};
  const T *const x = p.x + k * p.M, *w = p.w + k * p.C;
  T* sums = p.sums;
  for (int64_t c = 0; c < p.C; ++c, w += width) {
    Vec<T> row[vectors];
#pragma GCC unroll 8
    for (int64_t v = 0; v < last; ++v) row[v] = in_register(Vec<T>::load(w + v * lanes));
    row[last] = in_register(end.load(w + last * lanes));
#pragma GCC unroll 8
    for (int64_t v = 0; v < vectors; ++v) __builtin_prefetch(w + p.C * width + v * lanes);
    for (const Nonzero<T>*m = p.begin(c), *behind = p.end(c); m != behind; ++m, sums += lanes) {
      const T* from = x + m->at * width;
      Vec<T> sum = Vec<T>::load(sums);
#pragma GCC unroll 8
      for (int64_t v = 0; v < last; ++v) sum = fma(Vec<T>::load(from + v * lanes), row[v], sum);
      fma(end.load(from + last * lanes), row[last], sum).store(sums);
    }
  }
}

template <class T>
void sddmm(int64_t M, int64_t C, int64_t K, int64_t panel, const int32_t* ends, int64_t lde, const Nonzero<T>* list,
           int64_t ldl, const T* x, const T* w, const T* bias, T* scratch, T* y, int64_t ldy) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const Listed<T> p = {M, C, K, panel, ends, lde, list, ldl, x, w, bias, scratch, y, ldy};
  int64_t count = 0;
  for (int64_t c = 0; c < p.C; ++c) count += p.end(c) - p.begin(c);
  for (int64_t i = 0; i < count; ++i) Vec<T>::zero().store(p.sums + i * lanes);
  for (int64_t k = 0; k < p.K; k += p.panel) {
    const int64_t width = p.K - k < p.panel ? p.K - k : p.panel;
    for_width<T>(width, [&]<int vectors, bool whole>() { add_panel<T, vectors, whole>(p, k, width); });
  }
  const T* sums = p.sums;
  for (int64_t c = 0; c < p.C; ++c)
    for (const Nonzero<T>*m = p.begin(c), *behind = p.end(c); m != behind;) {
      const int64_t some = behind - m < 4 ? behind - m : 4;
      Vec<T> total[4];
#pragma GCC unroll 4
      for (int64_t i = 0; i < 4; ++i) total[i] = i < some ? Vec<T>::load(sums + i * lanes) : Vec<T>::zero();
      T results[4];
      sum_lanes(total, results);
      for (int64_t i = 0; i < some; ++i) p.y[m[i].at * p.ldy + c] = p.bias ? results[i] + p.bias[c] : results[i];
      m += some, sums += some * lanes;
    }
}


template <class T>
constexpr SparseKernels<T> table() {
  return {
      .spmm = spmm<T>,
      .sddmm = sddmm<T>,
  };
}

}  // namespace
}  // namespace sparse

constinit const SparseKernels<float> kSparseF32 = sparse::table<float>();
constinit const SparseKernels<double> kSparseF64 = sparse::table<double>();

}  // namespace nncore::NNCORE_ISA
