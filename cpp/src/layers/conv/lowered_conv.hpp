/// The lowered form of a convolution in blocks of channels: the input is batch-major or channel-blocked, the output is
/// channel-blocked. An activation and a pooling that follow, and in inference a BatchNorm before them, are fused:
/// computed on the results while they are in cache.
#pragma once

#include <memory>

#include "kernels/reduce/channels.hpp"
#include "layers/conv/blocked_conv.hpp"
#include "lowering/epilogue.hpp"
#include "lowering/lowered_pool.hpp"
#include "nncore/layer.hpp"

namespace nncore {

template <class T>
class LoweredConv final : public UnaryLowered<T> {
 public:
  LoweredConv(const ConvShape& shape, bool blocked_x, bool bias, PropagationKind kind)
      : conv_(shape, blocked_x, kind),
        n_w_(shape.K * shape.C * shape.kh * shape.kw),
        K_(shape.K),
        bias_(bias),
        kind_(kind) {}

  Layout layout() const override { return Layout::channel_blocked; }
  double cost(int64_t N) const override { return 3 * conv_.flops(N) / static_cast<double>(2 * kernels<T>().lanes); }

  bool fuse(Layer<T>& next) override {
    if (pool_) return false;
    const Fusable<T> what = next.fusable(kind_);
    if (after_.add_elementwise(what)) return true;
    if (const auto* map = std::get_if<ChannelAffineSource<T>*>(&what)) {
      if (normalization_ != nullptr || after_) return false;
      normalization_ = *map;
      return true;
    }
    const auto* pool = std::get_if<std::shared_ptr<LoweredPool<T>>>(&what);
    if (pool != nullptr) pool_ = *pool;
    return pool != nullptr;
  }

  void forward(int64_t N, const T* x, T* y, T* const* w, const Pass& pass) override {
    const int64_t n = conv_.results(N), threads = num_threads();
    after_.begin(n, pass);
    const bool in_pieces = pool_ && pool_->fits(conv_.rows_at_once(N, threads));
    if (in_pieces) pool_->begin(N);
    T* const z = !pool_ ? y : in_pieces && (on_pooled() || !pass.training) ? nullptr : z_.reserve(n);
    const ChannelAffine<T> map = normalization_ != nullptr ? normalization_->channel_affine() : ChannelAffine<T>{};
    conv_.forward(N, x, w[0], bias_ ? w[1] : nullptr, z, threads, [&](int64_t first, int64_t count, T* at) {
      if (normalization_ != nullptr) apply(map, first, count, at);
      if (after_) after_.forward(first, count, at);
      if (in_pieces) pool_->forward_rows(first, count, at, y);
    });
    if (pool_ && !in_pieces) pool_->forward(N, z, y, nullptr, pass);
  }

  void backward(int64_t N, const T* x, const T* y, T* dy, T* dx, T* const*, GradientSink<T>& sink) override {
    T *dw = gradient_.reserve(n_w_ + K_), *db = bias_ ? dw + n_w_ : nullptr;
    if (on_pooled() && dx == nullptr && conv_.by_image()) {  // dz never leaves the cache
      after_.backward(pool_->results(N), y, dy);
      const auto image = [&](int64_t n, T* dz) { return pool_->backward_image(n, dy, dz), dz; };
      conv_.backward_by_image(N, x, image, dw, db);
    } else {
      conv_.backward(N, x, own_gradient(N, y, dy), dx, dw, db);
    }
    sink.accept(0, 0, n_w_, dw);
    if (bias_) sink.accept(1, 0, K_, db);
  }

 private:
  /// To elements first, first + 1, … of the results: planes of channel blocks, or a part of one.
  void apply(const ChannelAffine<T>& map, int64_t first, int64_t count, T* at) const {
    const int64_t b = kernels<T>().lanes, blocks = blocks_of(K_, b), plane = conv_.results(1) / blocks;
    for (int64_t i = 0; i < count; i += plane) {
      const int64_t c = (first + i) / plane % blocks * b, pixels = std::min(plane, count - i) / b;
      kernels<T>().channels.affine(pixels, b, 1, b, at + i, map.center + c, map.scale + c, map.shift + c, at + i);
    }
  }

  /// Is the activation's derivative taken on pooled outputs? Each of them is a result of the activation then, and all
  /// other results have gradient 0.
  bool on_pooled() const { return pool_ && pool_->is_max() && pool_->non_overlapping() && !after_.from_x(); }

  /// dz, from the gradient dy of the fused outputs.
  T* own_gradient(int64_t N, const T* y, T* dy) {
    if (!pool_ || on_pooled()) after_.backward(pool_ ? pool_->results(N) : conv_.results(N), y, dy);
    if (!pool_) return dy;
    T* const dz = (on_pooled() || !after_ || after_.from_x() ? z_ : dz_).reserve(conv_.results(N));
    pool_->backward_planes(N, dy, dz);
    if (!on_pooled()) after_.backward(conv_.results(N), z_.data(), dz);
    return dz;
  }

  BlockedConv<T> conv_;
  int64_t n_w_, K_;
  bool bias_;
  PropagationKind kind_;
  ChannelAffineSource<T>* normalization_ = nullptr;
  Epilogue<T> after_;
  std::shared_ptr<LoweredPool<T>> pool_;
  Buffer<T> gradient_, z_, dz_;
  // z_: the input of the pooling, where backward needs it; else it serves for the gradient of that
};

}  // namespace nncore
