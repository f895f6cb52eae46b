/// Products with a sparse left side: zeros take no time. The sums are those of the dense product, term by term.
#include "kernels/declarations.hpp"
#include "kernels/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

/// One call, as in table.hpp.
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
  const T* soon;
};

/// The whole last register, or the lanes it has.
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

/// A row of c is `vectors` registers from its first term to its last; a term takes one row of b.
template <class T, int vectors, bool whole>
[[gnu::noinline]] void rows(const Sparse<T>& given) {
  constexpr int64_t lanes = Vec<T>::lanes, last = vectors - 1;
  const Sparse<T> p = given;
  const Last<T, whole> end{FirstLanes<T>(p.width - last * lanes)};
  const int64_t share = (kSparseChunk + p.R - 1) / p.R;  // of the rows to come
  const T* soon = p.soon;
  for (int64_t r = 0; r < p.R; ++r) {
    for (int64_t i = 0; soon != nullptr && i < share; ++i, soon += p.ldb)
#pragma GCC unroll 8
      for (int64_t v = 0; v < vectors; ++v) __builtin_prefetch(soon + v * lanes);
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

template <class T, int vectors = kWidePanel>
NNCORE_INLINE void product(const Sparse<T>& p) {
  if constexpr (vectors > 1)
    if (p.width <= (vectors - 1) * Vec<T>::lanes) return product<T, vectors - 1>(p);
  if (p.R == 0 || p.width == 0) return;
  if (p.width == vectors * Vec<T>::lanes) rows<T, vectors, true>(p);
  else rows<T, vectors, false>(p);
}

}  // namespace

void sparse_product(int64_t R, const int32_t* ends, int64_t lde, const Nonzero<float>* a, int64_t lda, int64_t width,
                    const float* b, int64_t ldb, bool add, float* c, int64_t ldc, const float* soon) {
  product<float>({R, ends, lde, a, lda, width, b, ldb, add, c, ldc, soon});
}
void sparse_product(int64_t R, const int32_t* ends, int64_t lde, const Nonzero<double>* a, int64_t lda, int64_t width,
                    const double* b, int64_t ldb, bool add, double* c, int64_t ldc, const double* soon) {
  product<double>({R, ends, lde, a, lda, width, b, ldb, add, c, ldc, soon});
}

}  // namespace nncore::NNCORE_ISA
