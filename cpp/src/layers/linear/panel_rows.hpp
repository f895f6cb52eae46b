/// PanelRows: the layout of matrices whose rows are factors of sparse products.
#pragma once

#include <algorithm>

#include "kernels/gemm/sparse.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// A matrix (R, K) in blocks of kSparseChunk rows, each packed in wide panels (kernels/gemm/dot.hpp), so that a panel
/// of a block is what goes with a chunk.
template <class T>
struct PanelRows {
  int64_t R, K;

  static int64_t panel() { return kWidePanel * kernels<T>().lanes; }
  int64_t panels() const { return (K + panel() - 1) / panel(); }
  int64_t rows_from(int64_t r) const { return std::min(kSparseChunk, R - r); }
  int64_t width_from(int64_t k) const { return std::min(panel(), K - k); }
  /// Where row r has its columns from k on, a multiple of panel().
  int64_t place(int64_t r, int64_t k) const {
    const int64_t within = r % kSparseChunk, first = r - within;
    return first * K + k * rows_from(first) + within * width_from(k);
  }

  void pack(const T* natural, T* packed) const {
    each_piece([&](int64_t from, int64_t to, int64_t n) { std::copy_n(natural + from, n, packed + to); });
  }
  void unpack(const T* packed, T* natural) const {
    each_piece([&](int64_t to, int64_t from, int64_t n) { std::copy_n(packed + from, n, natural + to); });
  }

 private:
  /// f(place in the matrix as it is, place here, length).
  template <class F>
  void each_piece(F f) const {
    parallel_for(panels(), static_cast<double>(R * K), [&](int64_t i) {
      const int64_t k = i * panel();
      for (int64_t r = 0; r < R; ++r) f(r * K + k, place(r, k), width_from(k));
    });
  }
};

}  // namespace nncore
