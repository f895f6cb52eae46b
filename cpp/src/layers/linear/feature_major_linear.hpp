/// FeatureMajorLinear: Linear planned feature-major, with samples in vector lanes.
#pragma once

#include <algorithm>

#include "kernels/gemm/feature_major.hpp"
#include "lowering/epilogue.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// y = x W^T + b for layers too narrow to fill lanes with outputs. Parameters stay as they are.
/// Arrays are (features, samples), whole registers of samples.
template <class T>
class FeatureMajorLinear final : public UnaryLowered<T> {
 public:
  FeatureMajorLinear(int64_t K, int64_t C, bool bias) : K_(K), C_(C), bias_(bias), gradient_(K * C + C) {}

  Layout layout() const override { return Layout::feature_major; }
  double cost(int64_t N) const override {  // three products, and a tree of sums for each weight
    return static_cast<double>((3 * whole_registers<T>(N) / kernels<T>().lanes + 5) * K_ * C_);
  }

  bool fuse(Layer<T>& next) override { return after_.add_elementwise(next.fusable(PropagationKind::training)); }

  void forward(int64_t samples, const T* x, T* y, T* const* w, const Pass& pass) override {
    const int64_t N = whole_registers<T>(samples);
    after_.begin(N * C_, pass);
    for_each_block(N, [&](int64_t n, int64_t count) {
      kernels<T>().feature_major.forward(count, C_, K_, N, x + n, w[0], bias_ ? w[1] : nullptr, y + n);
      if (!after_) return;
      if (count == N) return after_.forward(0, N * C_, y);
      for (int64_t c = 0; c < C_; ++c) after_.forward(c * N + n, count, y + c * N + n);
    });
  }

  // dx = W^T dz, dW = dz x^T, db = the sum of dz over the samples
  void backward(int64_t samples, const T* x, const T* y, T* dz, T* dx, T* const* w, GradientSink<T>& sink) override {
    const int64_t N = whole_registers<T>(samples);
    after_.backward(N * C_, y, dz);
    if (dx != nullptr) {
      for_each_block(N, [&](int64_t n, int64_t count) {
        kernels<T>().feature_major.input_gradient(count, C_, K_, N, dz + n, w[0], dx + n);
      });
    }
    T *dw = gradient_.data(), *db = dw + K_ * C_;
    parallel_for((C_ + kRows - 1) / kRows, flops(N), [&](int64_t piece) {
      const int64_t c = piece * kRows, rows = std::min(kRows, C_ - c);
      kernels<T>().feature_major.weight_gradient(N, rows, K_, N, x, dz + c * N, dw + c * K_);
      if (bias_) kernels<T>().feature_major.bias_gradient(N, rows, N, dz + c * N, db + c);
    });
    sink.accept(0, 0, K_ * C_, dw);
    if (bias_) sink.accept(1, 0, C_, db);
  }

 private:
  static constexpr int64_t kBlock = 512, kRows = 32;

  template <class F>
  void for_each_block(int64_t N, F f) const {
    parallel_for((N + kBlock - 1) / kBlock, flops(N), [&](int64_t piece) {
      f(piece * kBlock, std::min(kBlock, N - piece * kBlock));
    });
  }
  double flops(int64_t N) const {
    return 2.0 * static_cast<double>(N) * static_cast<double>(K_) * static_cast<double>(C_);
  }

  int64_t K_, C_;
  bool bias_;
  Epilogue<T> after_;
  Buffer<T> gradient_;
};

}  // namespace nncore
