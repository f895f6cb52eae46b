/// WideLinear: the products of Linear with inputs in vector lanes, and gradients that are zero left out.
#pragma once

#include "layers/linear_product.hpp"
#include "layers/nonzeros.hpp"

namespace nncore {

/// W in blocks of kSparseChunk rows, each packed in wide panels (layout in kernels/table.hpp), so that a panel of a block
/// is what goes with a chunk. Behind ReLU and dropout most of dz is zero; the elements of dz are factors of whole rows
/// of W and x here, and each zero saves a row.
template <class T>
class WideLinear final : public LinearProduct<T> {
 public:
  using LinearProduct<T>::LinearProduct;

  double cost(int64_t N) const override {
    return 3.0 * static_cast<double>(N * rows_per_sample_ * C_ * this->divide_up(K_, kernels<T>().lanes));
  }

 private:
  using LinearProduct<T>::K_, LinearProduct<T>::C_, LinearProduct<T>::rows_per_sample_;
  static constexpr int64_t kRowBlock = 256, kTileRows = 32, kMaxLanes = 16;

  static int64_t panel() { return kWidePanel * kernels<T>().lanes; }
  int64_t columns() const override { return kSparseChunk; }
  int64_t rows_from(int64_t j) const { return std::min(kSparseChunk, C_ - j); }
  int64_t width_from(int64_t k) const { return std::min(panel(), K_ - k); }
  /// Where the rows from j on, a multiple of kSparseChunk, have their columns from k on.
  int64_t place(int64_t j, int64_t k) const { return j * K_ + k * rows_from(j); }

  template <class F>
  void for_each_row(F f) const {
    for (int64_t j0 = 0; j0 < C_; j0 += kSparseChunk)
      for (int64_t k = 0; k < K_; k += panel())
        for (int64_t j = j0; j < j0 + rows_from(j0); ++j) f(j * K_ + k, width_from(k));
  }
  void pack_weight(const T* natural, T* packed) const override {
    for_each_row([&](int64_t at, int64_t width) { packed = std::copy_n(natural + at, width, packed); });
  }
  void unpack_weight(const T* packed, T* natural) const override {
    for_each_row([&](int64_t at, int64_t width) {
      std::copy_n(packed, width, natural + at);
      packed += width;
    });
  }

  void outputs(int64_t M, int64_t j0, int64_t j1, const T* x, const T* w, const T* bias, T* y) const override {
    kernels<T>().gemm_rows(M, j1 - j0, K_, panel(), x, K_, w + j0 * K_, bias ? bias + j0 : nullptr, y + j0, C_);
  }

  /// A panel at a time: dx from its weights, then dW, which changes them.
  void gradients(int64_t M, const T* x, const T* dz, T* dx, const T* w, GradientSink<T>& sink) override {
    if (dx != nullptr) by_row_.find(M, C_, dz, false);
    by_output_.find(C_, M, dz, true);
    x_.reserve(M * K_);
    parallel_for(this->divide_up(K_, panel()), 2 * this->flops(M), [&](int64_t piece) {
      const int64_t k = piece * panel(), width = width_from(k);
      const auto weights = [&](int64_t h) { return w + place(h * kSparseChunk, k); };
      T* const x_panel = x_.data() + k * M;
      for (int64_t m = 0; m < M; ++m) std::copy_n(x + m * K_ + k, width, x_panel + m * width);
      const auto samples = [&](int64_t h) { return x_panel + h * kSparseChunk * width; };
      for (int64_t m = 0; dx != nullptr && m < M; m += kRowBlock) {
        by_row_.times(m, std::min(kRowBlock, M - m), width, weights, width, dx + m * K_ + k, K_);
      }
      alignas(64) T tile[kTileRows * kWidePanel * kMaxLanes];
      for (int64_t j = 0; j < C_; j += kTileRows) {
        const int64_t rows = std::min(kTileRows, C_ - j), within = j % kSparseChunk;
        by_output_.times(j, rows, width, samples, width, tile, width);
        sink.take(0, place(j - within, k) + within * width, rows * width, tile);
      }
    });
  }

  Nonzeros<T> by_row_, by_output_;
  Buffer<T> x_;  // in panels: rows a multiple of 4 KiB apart would share a few sets of the first cache
};

}  // namespace nncore
