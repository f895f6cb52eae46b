#include "kernels/pool/blocked_pool.hpp"
#include "kernels/pool/pool.hpp"
#include "layers/pool/pool.hpp"
#include "nncore/buffer.hpp"

namespace nncore {
namespace {

template <class T>
class LoweredAvgPool final : public LoweredPool<T> {
 public:
  LoweredAvgPool(const PoolShape& shape, int64_t C, bool inside) : LoweredPool<T>(shape, C), inside_(inside) {}

 private:
  void rows(int64_t plane, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y) override {
    kernels<T>().blocked_pool.mean(this->s_, inside_, planes, row0, row1, x,
                                y + plane * this->out_size());
  }
  void plane_backward(int64_t, const T* dy, T* dx) const override {
    kernels<T>().blocked_pool.mean_backward(this->s_, inside_, 1, dy, dx);
  }

  bool inside_;  // the mean is over the taps inside the image
};

/// y = the mean of each window.
template <class T>
class AvgPool2d final : public Pool<T> {
 public:
  explicit AvgPool2d(const Args& args)
      : Pool<T>("AvgPool2d", args), count_padding_(args.get<bool>("count_include_pad")) {}

  std::unique_ptr<LoweredPool<T>> lowered() const override {
    return std::make_unique<LoweredAvgPool<T>>(this->pool_shape(), this->in_[0], !count_padding_);
  }

  void forward(View<const T> x, View<T> y, const Pass&) override {
    this->prepare();
    this->each_plane(x.batch(), [&](int64_t plane) {
      T* to = y.data + plane * this->U() * this->V();
      const T* from = x.data + plane * this->H() * this->W();
      for (int64_t u = 0; u < this->U(); ++u, to += this->V()) {
        std::fill_n(to, this->V(), T(0));
        const auto rows = this->covered(0, u);
        for (int64_t h = rows.from; h < rows.to; ++h) {
          this->each_tap([&](int64_t pixel, int64_t v, int64_t count) {
            kernels<T>().pool.add(count, this->window_[1].stride, from + h * this->W() + pixel, to + v);
          });
        }
        for (int64_t v = 0; v < this->V(); ++v) to[v] /= size(u, v);
      }
    });
  }

  // each pixel gets dy / size of the windows that cover it
  void backward(View<const T> dy, View<T> dx) override {
    if (dx.data == nullptr) return;
    T* const shares = shares_.reserve(dy.size());
    this->each_plane(dy.batch(), [&](int64_t plane) {
      const int64_t out = plane * this->U() * this->V();
      T* to = dx.data + plane * this->H() * this->W();
      std::fill_n(to, this->H() * this->W(), T(0));
      for (int64_t u = 0; u < this->U(); ++u) {
        const T* from = dy.data + out + u * this->V();
        T* share = shares + out + u * this->V();
        for (int64_t v = 0; v < this->V(); ++v) share[v] = from[v] / size(u, v);
        const auto rows = this->covered(0, u);
        for (int64_t h = rows.from; h < rows.to; ++h) {
          this->each_tap_from_last([&](int64_t pixel, int64_t v, int64_t count) {
            kernels<T>().pool.scatter(count, this->window_[1].stride, share + v, to + h * this->W() + pixel);
          });
        }
      }
    });
  }

 private:
  /// By what a window's sum is divided: its pixels, with or without those of the padding; what hangs over never counts.
  T size(int64_t u, int64_t v) const { return static_cast<T>(extent(0, u)) * static_cast<T>(extent(1, v)); }
  int64_t extent(std::size_t axis, int64_t i) const {
    const Window& w = this->window_[axis];
    if (!count_padding_) return this->covered(axis, i).count();
    return std::min(w.kernel, this->in_[static_cast<int>(axis) + 1] + w.after - (i * w.stride - w.before));
  }

  bool count_padding_;
  Buffer<T> shares_;
};

const auto registered_AvgPool2d =
    layer<AvgPool2d>("AvgPool2d")
        .summary("The mean of each window.")
        .formula("y[n, c, u, v] = mean over the window of x[n, c]")
        .also(pool_fields)
        .field("count_include_pad", true, rule::boolean(), "the mean counts the zeros of the padding")
        .shapes("(N, C, H, W) -> (N, C, U, V), U = floor((H + 2 padding - kernel) / stride) + 1, ceil with ceil_mode")
        .source("LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998")
        .doctest(">>> nc.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))\n"
                 "array([[[[ 2.5,  4.5],\n         [10.5, 12.5]]]])")
        .example({{"kernel_size", 2}}, {2, 4, 6})
        .example({{"kernel_size", std::vector<int64_t>{3, 2}}, {"stride", std::vector<int64_t>{1, 2}},
                  {"padding", 1}, {"count_include_pad", false}},
                 {2, 5, 4})
        .example({{"kernel_size", 3}, {"stride", 2}, {"padding", 1}, {"ceil_mode", true}}, {1, 6, 4})
        .trait("observed_as", "pooled activation");

}  // namespace
}  // namespace nncore
