/// PackedLinear: the products of Linear with outputs in vector lanes.
#pragma once

#include "kernels/gemm/gemm.hpp"
#include "layers/linear/linear_product.hpp"
#include "nncore/buffer.hpp"

namespace nncore {

/// W^T packed in panels of outputs (layout in kernels/gemm/gemm.hpp).
template <class T>
class PackedLinear final : public LinearProduct<T> {
 public:
  using LinearProduct<T>::LinearProduct;

  double cost(int64_t N) const override {
    return 3.0 * static_cast<double>(N * rows_per_sample_ * K_ * this->divide_up(C_, kernels<T>().lanes));
  }

 private:
  using LinearProduct<T>::K_, LinearProduct<T>::C_, LinearProduct<T>::rows_per_sample_;
  static constexpr int64_t kPanelGroup = 4, kColumnBlock = 128, kTileRows = 64;

  static int64_t panel() { return kernels<T>().panel; }
  int64_t columns() const override { return kPanelGroup * panel(); }

  template <class F>
  void for_each_panel(F f) const {
    for (int64_t j = 0; j < C_; j += panel()) f(j, std::min(panel(), C_ - j));
  }
  void pack_weight(const T* natural, T* packed) const override {
    for_each_panel([&](int64_t j0, int64_t width) {
      for (int64_t k = 0; k < K_; ++k)
        for (int64_t j = j0; j < j0 + width; ++j) *packed++ = natural[j * K_ + k];
    });
  }
  void unpack_weight(const T* packed, T* natural) const override {
    for_each_panel([&](int64_t j0, int64_t width) {
      for (int64_t k = 0; k < K_; ++k)
        for (int64_t j = j0; j < j0 + width; ++j) natural[j * K_ + k] = *packed++;
    });
  }

  void outputs(int64_t, int64_t M, int64_t j0, int64_t j1, const T* x, const T* w, const T* bias, T* y) override {
    for (int64_t j = j0; j < j1; j += panel()) {
      kernels<T>().gemm.forward(M, std::min(panel(), C_ - j), K_, x, K_, w + j * K_, bias ? bias + j : nullptr, y + j,
                                C_);
    }
  }

  void gradients(int64_t M, const T* x, const T* dz, T* dx, const T* w, GradientSink<T>& sink) override {
    if (dx != nullptr) {
      const int64_t block = this->row_block(), blocks = this->divide_up(M, block);
      const int64_t parts = this->divide_up(K_, kColumnBlock);
      parallel_for(blocks * parts, this->flops(M), [&](int64_t piece) {
        const int64_t m0 = piece / parts * block, k0 = piece % parts * kColumnBlock;
        kernels<T>().gemm.input_gradient(std::min(block, M - m0), C_, K_, k0, std::min(K_, k0 + kColumnBlock),
                                         dz + m0 * C_, C_, w, dx + m0 * K_, K_);
      });
    }
    const int64_t panels = this->divide_up(C_, panel()), tiles = this->divide_up(K_, kTileRows);
    parallel_for(panels * tiles, this->flops(M), [&](int64_t piece) {
      const int64_t j = piece / tiles * panel(), width = std::min(panel(), C_ - j);
      const int64_t k = piece % tiles * kTileRows, rows = std::min(kTileRows, K_ - k);
      alignas(kCacheLine) T tile[kTileRows * kMaxPanel];
      kernels<T>().gemm.weight_gradient(M, width, rows, x + k, K_, dz + j, C_, tile);
      sink.accept(0, j * K_ + k * width, rows * width, tile);
    });
  }
};

}  // namespace nncore
