#include <vector>

#include "layers/merge/merge.hpp"

namespace nncore {
namespace {

/// y holds a segment of each input after the other, for each index of the axes before the joined one.
template <class T>
class Segments {
 public:
  Segments() = default;
  Segments(int64_t outer, std::vector<int64_t> sizes) : outer_(outer), sizes_(std::move(sizes)) {
    for (const int64_t size : sizes_) row_ += size;
  }
  /// f(input, place in the input, place in y, length)
  template <class F>
  void each(int64_t N, F f) const {
    parallel_for(N, 2.0 * static_cast<double>(N * outer_ * row_), [&](int64_t n) {
      for (int64_t o = n * outer_; o < (n + 1) * outer_; ++o) {
        int64_t at = o * row_;
        for (std::size_t k = 0; k < sizes_.size(); ++k) {
          f(k, o * sizes_[k], at, sizes_[k]);
          at += sizes_[k];
        }
      }
    });
  }

 private:
  int64_t outer_ = 1, row_ = 0;
  std::vector<int64_t> sizes_;
};

/// Channel-blocked images joined along their channels, where all but the last input fill whole blocks.
template <class T>
class LoweredConcat final : public Lowered<T> {
 public:
  LoweredConcat(int64_t C, int64_t pixels, std::vector<int64_t> channels) : elements_(C * pixels) {
    for (int64_t& size : channels) size = whole_registers<T>(size) * pixels;
    segments_ = Segments<T>(1, std::move(channels));
  }

  Layout layout() const override { return Layout::channel_blocked; }
  double cost(int64_t N) const override { return static_cast<double>(N * elements_); }
  void forward_from(int64_t N, const T* const* x, T* y, T* const*, const Pass&) override {
    segments_.each(N, [&](std::size_t k, int64_t from, int64_t to, int64_t n) { std::copy_n(x[k] + from, n, y + to); });
  }
  void backward_to(int64_t N, const T* const*, const T*, T* dy, T* const* dx, T* const*, GradientSink<T>&) override {
    segments_.each(N, [&](std::size_t k, int64_t to, int64_t from, int64_t n) {
      if (dx[k] != nullptr) std::copy_n(dy + from, n, dx[k] + to);
    });
  }

 private:
  int64_t elements_;
  Segments<T> segments_;
};

/// y = the inputs one after the other along an axis.
template <class T>
class Concat final : public Layer<T> {
 public:
  explicit Concat(const Args& args) : dim_(args.get<int64_t>("dim")) {
    if (dim_ == 0) {
      throw ConfigError(expected("[Concat]", "dim", "an axis of the samples: 1 or more, or negative", "0, the batch"));
    }
  }

  Shape build_from(std::span<const Shape> in) override {
    const int rank = in[0].rank();
    axis_ = static_cast<int>(dim_ < 0 ? rank + dim_ : dim_ - 1);
    if (dim_ == 0 || axis_ < 0 || axis_ >= rank) {
      input_error(*this, this->batch(), "an array with an axis " + std::to_string(dim_), in[0]);
    }
    std::array<int64_t, Shape::kMaxRank> extents{};
    for (int axis = 0; axis < rank; ++axis) extents[static_cast<std::size_t>(axis)] = in[0][axis];
    joined_.clear();
    int64_t total = 0;
    for (const Shape& shape : in) {
      bool fits = shape.rank() == rank;
      for (int axis = 0; fits && axis < rank; ++axis) fits = axis == axis_ || shape[axis] == in[0][axis];
      if (!fits) {
        const std::string first = in[0].str_with_batch(this->batch().c_str());
        const std::string wanted = "the shape of the first input " + first + " but for axis " + std::to_string(dim_);
        input_error(*this, this->batch(), wanted, shape);
      }
      joined_.push_back(shape[axis_]);
      if (__builtin_add_overflow(total, shape[axis_], &total)) {
        input_error(*this, this->batch(), "axes that add up to less than 2^63", shape);
      }
    }
    extents[static_cast<std::size_t>(axis_)] = total;
    out_ = Shape(extents.data(), rank);
    int64_t outer = 1, inner = 1;
    for (int axis = 0; axis < axis_; ++axis) outer *= in[0][axis];
    for (int axis = axis_ + 1; axis < rank; ++axis) inner *= in[0][axis];
    std::vector<int64_t> sizes;
    for (const int64_t extent : joined_) sizes.push_back(extent * inner);
    segments_ = Segments<T>(outer, std::move(sizes));
    return out_;
  }

  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    if (layout != Layout::channel_blocked || axis_ != 0) return nullptr;
    for (std::size_t k = 0; k + 1 < joined_.size(); ++k) {
      if (joined_[k] % kernels<T>().lanes != 0) return nullptr;
    }
    return std::make_unique<LoweredConcat<T>>(out_[0], out_[1] * out_[2], joined_);
  }

  void forward_from(std::span<const View<const T>> x, View<T> y, const Pass&) override {
    segments_.each(y.batch(), [&](std::size_t k, int64_t from, int64_t to, int64_t n) {
      std::copy_n(x[k].data + from, n, y.data + to);
    });
  }
  void backward_to(View<const T> dy, std::span<const View<T>> dx) override {
    segments_.each(dy.batch(), [&](std::size_t k, int64_t to, int64_t from, int64_t n) {
      if (dx[k].data != nullptr) std::copy_n(dy.data + from, n, dx[k].data + to);
    });
  }

 private:
  int64_t dim_;
  int axis_ = 0;
  Shape out_;
  std::vector<int64_t> joined_;  // extents along the axis
  Segments<T> segments_;
};

const auto registered_Concat =
    layer<Concat>("Concat")
        .summary("Several inputs one after the other along an axis.")
        .formula("y = concatenate([x0, x1, …], axis=dim)")
        .field("dim", 1, rule::integer(-Shape::kMaxRank, Shape::kMaxRank),
               "the axis, counted with the batch, which is axis 0 and cannot be it; negative: from the end")
        .shapes("(N, C0, *), (N, C1, *), … -> (N, C0 + C1 + …, *) for dim=1; all other axes are equal")
        .notes("Called with one input or more: nc.Concat()(a, b).")
        .source("Huang, Liu, van der Maaten, Weinberger, Densely Connected Convolutional Networks, 2017")
        .doctest(">>> nc.Concat()(np.array([[1.0, 2.0]]), np.array([[3.0]]))\narray([[1., 2., 3.]])")
        .example({}, {3})
        .example({{"dim", -1}}, {2, 5, 7})
        .trait("merges");

}  // namespace
}  // namespace nncore
