/// WideLinear: the products of Linear with inputs in vector lanes; zeros of dz and dropped results are skipped.
#pragma once

#include <optional>

#include "kernels/gemm/dot.hpp"
#include "layers/linear/linear_product.hpp"
#include "layers/linear/nonzeros.hpp"
#include "layers/linear/panel_rows.hpp"
#include "lowering/scratch_pool.hpp"
#include "nncore/buffer.hpp"

namespace nncore {

/// Rows of x times rows of W. Results that dropout drops are not computed (SDDMM). Behind ReLU and dropout most of dz
/// is zero; its elements are factors of whole rows of W and x here, and each zero skips a row (SpMM).
template <class T>
class WideLinear final : public LinearProduct<T> {
 public:
  using LinearProduct<T>::LinearProduct;

  double cost(int64_t N) const override {
    return 3.0 * static_cast<double>(N * rows_per_sample_ * C_ * this->divide_up(K_, kernels<T>().lanes));
  }

 private:
  using LinearProduct<T>::K_, LinearProduct<T>::C_, LinearProduct<T>::rows_per_sample_;
  static constexpr int64_t kRowBlock = 256, kTileRows = 32;
  static constexpr double kManyDropped = 0.4;  // from here on lists of the others are faster

  PanelRows<T> weights() const { return {C_, K_}; }
  int64_t row_block() const override { return kSparseChunk; }
  int64_t columns() const override { return kSparseChunk; }
  void pack_weight(const T* natural, T* packed) const override { weights().pack(natural, packed); }
  void unpack_weight(const T* packed, T* natural) const override { weights().unpack(packed, natural); }

  void prepare(int64_t M, const T* x, T* y, const Epilogue<T>& after, const Pass& pass) override {
    listed_ = false;
    if (!pass.training) return;
    PanelRows<T>{M, K_}.pack(x, x_.reserve(M * K_));
    if (after.dropped() < kManyDropped) return;
    std::fill_n(y, M * C_, T(1));
    after.drop(M * C_, y);
    kept_.find(C_, M, y, true);
    listed_ = kept_.sparse();
    if (listed_) pool_.emplace(sums_, kSparseChunk * kSparseChunk * kernels<T>().lanes, ScratchPool<T>::kMaxCount);
  }

  void outputs(int64_t m0, int64_t M, int64_t j0, int64_t j1, const T* x, const T* w, const T* bias, T* y) override {
    const T* const b = bias ? bias + j0 : nullptr;
    const int64_t panel = PanelRows<T>::panel();
    if (!listed_) return kernels<T>().dot_gemm.forward(M, j1 - j0, K_, panel, x, K_, w + j0 * K_, b, y + j0, C_);
    const auto sums = pool_->acquire();
    kept_.listed_rows(j0, j1 - j0, m0 / kSparseChunk, M, K_, panel, x_.data() + m0 * K_, w + j0 * K_, b, sums.data(),
                      y + j0, C_);
  }

  /// A panel at a time: dx from its weights, then dW, which changes them.
  void gradients(int64_t M, const T*, const T* dz, T* dx, const T* w, GradientSink<T>& sink) override {
    if (dx != nullptr) by_row_.find(M, C_, dz, false);
    by_output_.find(C_, M, dz, true);
    const PanelRows<T> W = weights(), X = {M, K_};
    parallel_for(W.panels(), 2 * this->flops(M), [&](int64_t piece) {
      const int64_t k = piece * W.panel(), width = W.width_from(k);
      const auto outputs = [&](int64_t h) { return w + W.place(h * kSparseChunk, k); };
      const auto samples = [&](int64_t h) { return x_.data() + X.place(h * kSparseChunk, k); };
      for (int64_t m = 0; dx != nullptr && m < M; m += kRowBlock) {
        by_row_.times(m, std::min(kRowBlock, M - m), width, outputs, width, dx + m * K_ + k, K_);
      }
      alignas(kCacheLine) T tile[kTileRows * kWidePanel * kMaxLanes];
      for (int64_t j = 0; j < C_; j += kTileRows) {
        const int64_t rows = std::min(kTileRows, C_ - j);
        by_output_.times(j, rows, width, samples, width, tile, width);
        sink.accept(0, W.place(j, k), rows * width, tile);
      }
    });
  }

  Buffer<T> x_, sums_;  // x: of the last forward in training
  Nonzeros<T> kept_, by_row_, by_output_;
  bool listed_ = false;
  std::optional<ScratchPool<T>> pool_;
};

}  // namespace nncore
