#include "layers/norm/batch_norm.hpp"

namespace nncore {
namespace {

/// (N, C) or (N, C, L).
template <class T>
class BatchNorm1d final : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;
  Shape build(const Shape& in) override {
    if (in.rank() < 1 || in.rank() > 2 || in[0] != this->C()) {
      const std::string C = std::to_string(this->C());
      this->shape_error("(N, " + C + ") or (N, " + C + ", L)", in);
    }
    this->set_inner(in.rank() == 2 ? in[1] : 1);
    return in;
  }
};

const auto registered_BatchNorm1d =
    layer<BatchNorm1d>("BatchNorm1d")
        .summary("Normalises each channel over the batch.")
        .also(batch_norm_fields)
        .shapes("(N, C) -> (N, C), (N, C, L) -> (N, C, L)")
        .doctest(">>> nc.BatchNorm1d(1).forward(np.array([[1.0], [3.0]])).round(4)\narray([[-1.],\n       [ 1.]])")
        .example({{"num_features", 3}}, {3})
        .example({{"num_features", 21}, {"affine", false}, {"momentum", Value()}}, {21})
        .example({{"num_features", 2}, {"eps", 0.1}, {"track_running_stats", false}}, {2, 5})
        .trait("observed_as", "net input");

}  // namespace
}  // namespace nncore
