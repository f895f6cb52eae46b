#include "layers/conv/window.hpp"
#include "layers/norm/batch_norm.hpp"
#include "lowering/epilogue.hpp"

namespace nncore {
namespace {

/// The lowered form on channel-blocked images.
template <class T>
class LoweredBatchNorm final : public UnaryLowered<T> {
 public:
  LoweredBatchNorm(BatchNorm<T>& layer, bool affine, int64_t C, int64_t L)
      : layer_(layer), affine_(affine), C_(C), L_(L), gradient_(2 * C) {}

  Layout layout() const override { return Layout::channel_blocked; }
  double cost(int64_t N) const override { return static_cast<double>(N * C_ * L_); }
  bool fuse(Layer<T>& next) override { return after_.add_elementwise(next.fusable(PropagationKind::training)); }

  void forward(int64_t N, const T* x, T* y, T* const* w, const Pass& pass) override {
    after_.begin(results(N), pass);
    layer_.normalize(BlockedChannels{N, C_, L_}, x, y, affine_ ? w[0] : nullptr, affine_ ? w[1] : nullptr, pass);
    const int64_t plane = results(1);
    if (after_) parallel_for(N, 4.0 * static_cast<double>(N * plane), [&](int64_t n) {
      after_.forward(n * plane, plane, y + n * plane);
    });
  }

  void backward(int64_t N, const T* x, const T* y, T* dy, T* dx, T* const*, GradientSink<T>& sink) override {
    after_.backward(results(N), y, dy);
    T *dgamma = affine_ ? gradient_.data() : nullptr, *dbeta = affine_ ? dgamma + C_ : nullptr;
    std::fill_n(gradient_.data(), 2 * C_, T(0));
    layer_.gradients(BlockedChannels{N, C_, L_}, x, dy, dx, dgamma, dbeta);
    for (int i = 0; affine_ && i < 2; ++i) sink.accept(i, 0, C_, i == 0 ? dgamma : dbeta);
  }

 private:
  int64_t results(int64_t N) const { return N * whole_registers<T>(C_) * L_; }

  BatchNorm<T>& layer_;
  bool affine_;
  int64_t C_, L_;
  Epilogue<T> after_;
  Buffer<T> gradient_;
};

/// (N, C, H, W).
template <class T>
class BatchNorm2d final : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;
  Shape build(const Shape& in) override {
    if (in.rank() != 3 || in[0] != this->C()) {
      this->shape_error("(N, " + std::to_string(this->C()) + ", H, W)", in, image_hint(in, this->C()));
    }
    pixels_ = in[1] * in[2];
    this->set_inner(pixels_);
    return in;
  }
  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    if (layout != Layout::channel_blocked) return nullptr;
    return std::make_unique<LoweredBatchNorm<T>>(*this, this->has_gain(), this->C(), pixels_);
  }

 private:
  int64_t pixels_ = 1;
};

const auto registered_BatchNorm2d =
    layer<BatchNorm2d>("BatchNorm2d")
        .summary("Normalises each channel of images over the batch and the pixels.")
        .also(batch_norm_fields)
        .shapes("(N, C, H, W) -> (N, C, H, W)")
        .doctest(">>> nc.BatchNorm2d(1).forward(np.array([[[[1.0, 3.0]]]])).round(4)\narray([[[[-1.,  1.]]]])")
        .example({{"num_features", 3}}, {3, 2, 4})
        .example({{"num_features", 2}, {"affine", false}, {"momentum", Value()}}, {2, 3, 3})
        .example({{"num_features", 1}, {"eps", 0.1}, {"track_running_stats", false}}, {1, 5, 1})
        .trait("observed_as", "net input");

}  // namespace
}  // namespace nncore
