#include <limits>

#include "kernels/pool/blocked_pool.hpp"
#include "kernels/pool/pool.hpp"
#include "layers/pool/pool.hpp"
#include "nncore/buffer.hpp"

namespace nncore {
namespace {

template <class T>
class LoweredMaxPool final : public LoweredPool<T> {
 public:
  using LoweredPool<T>::LoweredPool;

  bool is_max() const override { return true; }
  void begin(int64_t N) override { taken_.reserve(this->results(N)); }

 private:
  void rows(int64_t plane, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y) override {
    const int64_t out = plane * this->out_size();
    kernels<T>().blocked_pool.max(this->s_, planes, row0, row1, x, y + out, taken_.data() + out);
  }
  void plane_backward(int64_t plane, const T* dy, T* dx) const override {
    kernels<T>().blocked_pool.max_backward(this->s_, 1, dy, taken_.data() + plane * this->out_size(), dx);
  }

  Buffer<uint8_t> taken_;  // which tap of its window each output comes from
};

/// y = the largest number of each window, NaN before all; padding counts as -inf.
template <class T>
class MaxPool2d final : public Pool<T> {
 public:
  explicit MaxPool2d(const Args& args) : Pool<T>("MaxPool2d", args) {}

  Shape build(const Shape& in) override {
    const Shape out = Pool<T>::build(in);
    if (in[1] > INT32_MAX / in[2]) this->shape_error("images of less than 2^31 pixels", in);
    return out;
  }

  std::unique_ptr<LoweredPool<T>> lowered() const override {
    constexpr int64_t kMaxTaps = 256;
    const PoolShape shape = this->pool_shape();
    if (shape.kh > kMaxTaps || shape.kw > kMaxTaps / shape.kh) return nullptr;
    return std::make_unique<LoweredMaxPool<T>>(shape, this->in_[0]);
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    this->prepare();
    int32_t* const at = pass.training ? at_.reserve(y.size()) : nullptr;
    this->each_plane(x.batch(), [&](int64_t plane) {
      const int64_t out = plane * this->U() * this->V();
      for (int64_t u = 0; u < this->U(); ++u) {
        const int64_t row = out + u * this->V();
        pool_row(u, x.data + plane * this->H() * this->W(), y.data + row, at == nullptr ? at : at + row);
      }
    });
  }

  // dx = dy at the first of the largest numbers, 0 elsewhere
  void backward(View<const T> dy, View<T> dx) override {
    if (dx.data == nullptr) return;
    this->each_plane(dy.batch(), [&](int64_t plane) {
      const int64_t size = this->H() * this->W(), count = this->U() * this->V();
      T* const to = dx.data + plane * size;
      std::fill_n(to, size, T(0));
      for (int64_t i = plane * count; i < (plane + 1) * count; ++i) to[at_.data()[i]] += dy.data[i];
    });
  }

 private:
  /// Row u of the windows over one plane.
  void pool_row(int64_t u, const T* x, T* best, int32_t* at) const {
    const auto rows = this->covered(0, u);
    std::fill_n(best, this->V(), -std::numeric_limits<T>::infinity());
    for (int64_t v = 0; at != nullptr && v < this->V(); ++v) {
      at[v] = static_cast<int32_t>(rows.from * this->W() + this->covered(1, v).from);
    }
    for (int64_t h = rows.from; h < rows.to; ++h) {
      this->each_tap([&](int64_t pixel, int64_t v, int64_t count) {
        const int64_t index = h * this->W() + pixel;
        kernels<T>().pool.max(count, this->window_[1].stride, x + index, static_cast<int32_t>(index), best + v,
                              at == nullptr ? at : at + v);
      });
    }
  }

  Buffer<int32_t> at_;  // where in its plane each output comes from
};

const auto registered_MaxPool2d =
    layer<MaxPool2d>("MaxPool2d")
        .summary("The largest number of each window.")
        .formula("y[n, c, u, v] = max over the window of x[n, c]")
        .also(pool_fields)
        .shapes("(N, C, H, W) -> (N, C, U, V), U = floor((H + 2 padding - kernel) / stride) + 1, ceil with ceil_mode")
        .notes("Padding counts as -inf. The gradient goes to the first of several largest numbers; NaN is larger than "
               "all numbers.")
        .source("Ranzato, Huang, Boureau, LeCun, Unsupervised Learning of Invariant Feature Hierarchies, 2007")
        .doctest(">>> nc.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))\n"
                 "array([[[[ 5.,  7.],\n         [13., 15.]]]])")
        .example({{"kernel_size", 2}}, {2, 4, 6})
        .example({{"kernel_size", std::vector<int64_t>{3, 2}}, {"stride", std::vector<int64_t>{1, 2}},
                  {"padding", 1}},
                 {2, 5, 4})
        .example({{"kernel_size", 2}, {"stride", 3}, {"ceil_mode", true}}, {1, 6, 7})
        .trait("observed_as", "pooled activation");

}  // namespace
}  // namespace nncore
