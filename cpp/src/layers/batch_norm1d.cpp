#include "layers/batch_norm.hpp"

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

const auto registered =
    layer<BatchNorm1d>("BatchNorm1d")
        .summary("Normalises each channel over the batch.")
        .formula("y = (x - mean) / sqrt(var + eps) * weight + bias\n"
                 "running = (1 - momentum) * running + momentum * batch's")
        .required("num_features", rule::integer(1, int64_t{1} << 31), "number of channels C")
        .field("eps", 1e-5, rule::non_negative(), "added to the variance")
        .field("momentum", 0.1, rule::optional(rule::in_closed(0.0, 1.0)),
               "weight of the new batch in the running statistics; None: all batches weigh alike")
        .field("affine", true, rule::boolean(), "multiply by weight and add bias")
        .field("track_running_stats", true, rule::boolean(), "inference uses running statistics, else the batch's")
        .shapes("(N, C) -> (N, C), (N, C, L) -> (N, C, L)")
        .notes("mean and var are those of the batch in training and the running ones in inference; var is biased in y, "
               "unbiased in running_var. In training every sample's output depends on the whole batch: the loss of a "
               "batch is not the mean of the losses of its samples alone. One value per channel (a batch of 1) cannot "
               "be trained on: ShapeError. Parameters: weight, bias (C,), both free of the Trainer's l1 and l2; "
               "buffers: running_mean, running_var (C,), num_batches_tracked.")
        .source("Ioffe, Szegedy, Batch Normalization, 2015")
        .doctest(">>> nc.BatchNorm1d(1).forward(np.array([[1.0], [3.0]])).round(4)\narray([[-1.],\n       [ 1.]])")
        .example({{"num_features", int64_t{3}}}, {3})
        .example({{"num_features", int64_t{21}}, {"affine", false}, {"momentum", Value()}}, {21})
        .example({{"num_features", int64_t{2}}, {"eps", 0.1}, {"track_running_stats", false}}, {2, 5})
        .trait("couples_samples");

}  // namespace
}  // namespace nncore
