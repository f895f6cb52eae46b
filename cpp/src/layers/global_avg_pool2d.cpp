#include "layers/channels.hpp"
#include "layers/window.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y[n, c] = the mean of x[n, c]; sums in double.
template <class T>
class GlobalAvgPool2d final : public Layer<T> {
 public:
  explicit GlobalAvgPool2d(const Args&) {}

  Shape build(const Shape& in) override {
    if (in.rank() != 3 || in.size() == 0) this->shape_error("(N, C, H, W)", in, image_hint(in, 0));
    pixels_ = in[1] * in[2];
    return {in[0]};
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
  int64_t pixels_ = 1;
  Buffer<double> sums_;
};

const auto registered = layer<GlobalAvgPool2d>("GlobalAvgPool2d")
                            .summary("The mean of each channel.")
                            .formula("y[n, c] = mean of x[n, c]")
                            .shapes("(N, C, H, W) -> (N, C)")
                            .source("Lin, Chen, Yan, Network In Network, 2013")
                            .doctest(">>> nc.GlobalAvgPool2d()(np.arange(8.0).reshape(1, 2, 2, 2))\narray([[1.5, 5.5]])")
                            .example({}, {2, 3, 5})
                            .example({}, {3, 1, 1});

}  // namespace
}  // namespace nncore
