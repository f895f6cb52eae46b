#include "layers/conv/window.hpp"
#include "layers/norm/channels.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// The lowered form on channel-blocked images: one block's channels at a time.
template <class T>
class LoweredGlobalAvgPool final : public UnaryLowered<T> {
 public:
  LoweredGlobalAvgPool(int64_t C, int64_t L) : C_(C), L_(L), b_(kernels<T>().lanes), blocks_(blocks_of(C, b_)) {}

  double cost(int64_t N) const override { return static_cast<double>(N * blocks_ * L_); }

  void forward(int64_t N, const T* x, T* y, T* const*, const Pass&) override {
    for (int64_t n = 0; n < N; ++n) {
      double* const sums = sums_.reserve(blocks_ * b_);
      BlockedChannels{1, C_, L_}.sums(x + n * blocks_ * L_ * b_, sums);
      for (int64_t c = 0; c < C_; ++c) y[n * C_ + c] = static_cast<T>(sums[c] / static_cast<double>(L_));
    }
  }
  void backward(int64_t N, const T*, const T*, T* dy, T* dx, T* const*, GradientSink<T>&) override {
    for (int64_t i = 0; dx != nullptr && i < N * blocks_; ++i) {
      for (int64_t lane = 0; lane < b_; ++lane) {
        const int64_t c = i % blocks_ * b_ + lane;
        const T share = c < C_ ? dy[i / blocks_ * C_ + c] / static_cast<T>(L_) : T(0);
        for (int64_t l = 0; l < L_; ++l) dx[(i * L_ + l) * b_ + lane] = share;
      }
    }
  }

 private:
  int64_t C_, L_, b_, blocks_;
  Buffer<double> sums_;
};

/// y[n, c] = the mean of x[n, c]; sums in double.
template <class T>
class GlobalAvgPool2d final : public UnaryLayer<T> {
 public:
  explicit GlobalAvgPool2d(const Args&) {}

  Shape build(const Shape& in) override {
    if (in.rank() != 3 || in.size() == 0) this->shape_error("(N, C, H, W)", in, image_hint(in, 0));
    channels_ = in[0];
    pixels_ = in[1] * in[2];
    return {in[0]};
  }
  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    if (layout != Layout::channel_blocked) return nullptr;
    return std::make_unique<LoweredGlobalAvgPool<T>>(channels_, pixels_);
  }

  void forward(View<const T> x, View<T> y, const Pass&) override {
    double* const sums = sums_.reserve(y.size());
    Channels{1, y.size(), pixels_}.sums(x.data, sums);
    for (int64_t i = 0; i < y.size(); ++i) y.data[i] = static_cast<T>(sums[i] / static_cast<double>(pixels_));
  }

  // dx = dy / (H W) in every pixel
  void backward(View<const T> dy, View<T> dx) override {
    for (int64_t i = 0; dx.data != nullptr && i < dy.size(); ++i) {
      std::fill_n(dx.data + i * pixels_, pixels_, dy.data[i] / static_cast<T>(pixels_));
    }
  }

 private:
  int64_t channels_ = 1, pixels_ = 1;
  Buffer<double> sums_;
};

const auto registered_GlobalAvgPool2d =
    layer<GlobalAvgPool2d>("GlobalAvgPool2d")
        .summary("The mean of each channel.")
        .formula("y[n, c] = mean of x[n, c]")
        .shapes("(N, C, H, W) -> (N, C)")
        .source("Lin, Chen, Yan, Network In Network, 2013")
        .doctest(">>> nc.GlobalAvgPool2d()(np.arange(8.0).reshape(1, 2, 2, 2))\narray([[1.5, 5.5]])")
        .example({}, {2, 3, 5})
        .example({}, {3, 1, 1})
        .trait("observed_as", "pooled activation");

}  // namespace
}  // namespace nncore
