/// Nonzeros: the left factor of a product in which zeros are skipped (SpMM).
#pragma once

#include <algorithm>

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/sparse.hpp"
#include "nncore/buffer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// A matrix as lists of the nonzeros of each row; dense where there are many of them. Either way gives the same sums.
template <class T>
class Nonzeros {
 public:
  /// Of a (R, L), or with `columns` of the transpose of a (L, R), which has to stay while it is used.
  void find(int64_t R, int64_t L, const T* a, bool columns) {
    a_ = a;
    columns_ = columns;
    R_ = R;
    L_ = L;
    chunks_ = std::max<int64_t>(1, (L + kSparseChunk - 1) / kSparseChunk);
    int64_t zeros = 0;
    for (int64_t i = 0; i < R * L; ++i) zeros += a[i] == T(0);
    sparse_ = 4 * zeros >= R * L && R * L <= kMaxListed;
    if (sparse_) list();
  }

  /// c[r, j] = sum_l a[r, l] b[l, j] for `rows` rows from r on; b(h) is the b of chunk h.
  template <class B>
  void times(int64_t r, int64_t rows, int64_t width, B b, int64_t ldb, T* c, int64_t ldc) const {
    for (int64_t h = 0; h < chunks_; ++h) {
      if (sparse_) {
        kernels<T>().sparse.spmm(rows, ends_.data() + r * (chunks_ + 1) + h, chunks_ + 1, found_.data() + r * L_, L_,
                                 width, b(h), ldb, h > 0, c, ldc, h + 1 < chunks_ ? b(h + 1) : nullptr);
      } else {
        const int64_t l = h * kSparseChunk, lda = columns_ ? R_ : L_;
        kernels<T>().gemm.partial_product(columns_, rows, std::min(kSparseChunk, L_ - l), width,
                                         columns_ ? a_ + l * lda + r : a_ + r * lda + l, lda, b(h), ldb, h > 0, c,
                                         ldc);
      }
    }
  }

  /// Are there enough zeros for lists?
  bool sparse() const { return sparse_; }

  /// y[m, r] for the nonzeros m of chunk h alone, `rows` rows from r on: a product of x (M, K) and w (rows, K), both in
  /// panels (sddmm in kernels/gemm/sparse.hpp).
  void listed_rows(int64_t r, int64_t rows, int64_t h, int64_t M, int64_t K, int64_t panel, const T* x, const T* w,
                   const T* bias, T* sums, T* y, int64_t ldy) const {
    kernels<T>().sparse.sddmm(M, rows, K, panel, ends_.data() + r * (chunks_ + 1) + h, chunks_ + 1,
                              found_.data() + r * L_, L_, x, w, bias, sums, y, ldy);
  }

 private:
  static constexpr int64_t kRows = 4, kMaxListed = int64_t{1} << 22;  // a list takes two to four times the memory

  void list() {
    const int64_t row = columns_ ? 1 : L_, column = columns_ ? R_ : 1;
    Nonzero<T>* const found = found_.reserve(R_ * L_);
    int32_t* const ends = ends_.reserve(R_ * (chunks_ + 1));
    parallel_for((R_ + kRows - 1) / kRows, 4.0 * static_cast<double>(R_ * L_), [&](int64_t piece) {
      const int64_t r0 = piece * kRows, rows = std::min(kRows, R_ - r0);
      int32_t count[kRows] = {};
      for (int64_t h = 0; h <= chunks_; ++h) {
        for (int64_t r = 0; r < rows; ++r) ends[(r0 + r) * (chunks_ + 1) + h] = count[r];
        for (int64_t l = h * kSparseChunk; l < std::min(L_, (h + 1) * kSparseChunk); ++l) {
          for (int64_t r = 0; r < rows; ++r) {  // written in any case, counted if it is not zero
            const T value = a_[(r0 + r) * row + l * column];
            found[(r0 + r) * L_ + count[r]] = {value, static_cast<int32_t>(l % kSparseChunk)};
            count[r] += value != T(0);
          }
        }
      }
    });
  }

  const T* a_ = nullptr;
  bool columns_ = false, sparse_ = false;
  int64_t R_ = 0, L_ = 0, chunks_ = 0;
  Buffer<Nonzero<T>> found_;
  Buffer<int32_t> ends_;
};

}  // namespace nncore
