#include "layers/batch_norm.hpp"
#include "layers/window.hpp"

namespace nncore {
namespace {

/// (N, C, H, W).
template <class T>
class BatchNorm2d final : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;
  Shape build(const Shape& in) override {
    if (in.rank() != 3 || in[0] != this->C()) {
      this->shape_error("(N, " + std::to_string(this->C()) + ", H, W)", in, image_hint(in, this->C()));
    }
    this->set_inner(in[1] * in[2]);
    return in;
  }
};

const auto registered =
    layer<BatchNorm2d>("BatchNorm2d")
        .summary("Normalises each channel of images over the batch and the pixels.")
        .also(batch_norm_fields)
        .shapes("(N, C, H, W) -> (N, C, H, W)")
        .doctest(">>> nc.BatchNorm2d(1).forward(np.array([[[[1.0, 3.0]]]])).round(4)\narray([[[[-1.,  1.]]]])")
        .example({{"num_features", int64_t{3}}}, {3, 2, 4})
        .example({{"num_features", int64_t{2}}, {"affine", false}, {"momentum", Value()}}, {2, 3, 3})
        .example({{"num_features", int64_t{1}}, {"eps", 0.1}, {"track_running_stats", false}}, {1, 5, 1});

}  // namespace
}  // namespace nncore
