#include <vector>

#include "layers/merge/merge.hpp"

namespace nncore {
namespace {

/// Of inputs of one shape.
template <class T>
class LoweredProduct final : public LoweredMerge<T> {
 public:
  using LoweredMerge<T>::LoweredMerge;

 private:
  void combine(int64_t first, int64_t n, const T* const* x, T* y) const override {
    std::copy_n(x[0] + first, n, y);
    for (std::size_t k = 1; k < this->inputs_; ++k) multiply(n, x[k] + first, y);
  }
  void gradient(std::size_t k, int64_t first, int64_t n, const T* const* x, const T* dy, T* dx) const override {
    std::copy_n(dy, n, dx);
    for (std::size_t other = 0; other < this->inputs_; ++other) {
      if (other != k) multiply(n, x[other] + first, dx);
    }
  }
  static void multiply(int64_t n, const T* x, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] *= x[i];
  }
};

/// y = x0 x1 …; an input that has the leading axes of y alone scales all that follows. dx of an input = the sum over
/// what it scales of dy times the other inputs; sums in double.
template <class T>
class Multiply final : public Layer<T> {
 public:
  explicit Multiply(const Args&) {}

  Shape build_from(std::span<const Shape> in) override {
    out_ = in[0];
    for (const Shape& shape : in) {
      if (shape.rank() > out_.rank() || (shape.rank() == out_.rank() && shape.size() > out_.size())) out_ = shape;
    }
    inner_.clear();
    for (const Shape& shape : in) inner_.push_back(inner_of(shape));
    return out_;
  }

  /// Inputs that scale others run as they stand.
  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    const bool same = std::all_of(inner_.begin(), inner_.end(), [](int64_t inner) { return inner == 1; });
    if (layout == Layout::feature_major || !same) return nullptr;
    return std::make_unique<LoweredProduct<T>>(inner_.size(), layout, out_);
  }

  void forward_from(std::span<const View<const T>> x, View<T> y, const Pass& pass) override {
    if (pass.training) x_.assign(x.begin(), x.end());
    const int64_t D = out_.size();
    parallel_for(y.batch(), 4.0 * static_cast<double>(y.size()), [&](int64_t n) {
      T* const to = y.data + n * D;
      std::fill_n(to, D, T(1));
      for (std::size_t k = 0; k < x.size(); ++k) scale(k, x[k].data, n, to);
    });
  }

  void backward_to(View<const T> dy, std::span<const View<T>> dx) override {
    const int64_t D = out_.size();
    T* const products = products_.reserve(dy.size());
    for (std::size_t k = 0; k < dx.size(); ++k) {
      if (dx[k].data == nullptr) continue;
      parallel_for(dy.batch(), 4.0 * static_cast<double>(dy.size()), [&](int64_t n) {
        T* const product = products + n * D;
        std::copy_n(dy.data + n * D, D, product);
        for (std::size_t other = 0; other < x_.size(); ++other) {
          if (other != k) scale(other, x_[other].data, n, product);
        }
        const int64_t inner = inner_[k], count = D / inner;
        for (int64_t i = 0; i < count; ++i) {
          double sum = 0;
          for (int64_t j = 0; j < inner; ++j) sum += static_cast<double>(product[i * inner + j]);
          dx[k].data[n * count + i] = static_cast<T>(sum);
        }
      });
    }
  }

 private:
  /// Elements of y that one number of this input scales.
  int64_t inner_of(const Shape& shape) const {
    int rank = shape.rank();  // (C, 1, 1) is as (C)
    while (rank > 0 && shape[rank - 1] == 1 && !(rank <= out_.rank() && out_[rank - 1] == 1)) --rank;
    bool fits = rank <= out_.rank();
    for (int axis = 0; fits && axis < rank; ++axis) fits = shape[axis] == out_[axis];
    if (!fits || rank == 0) {
      const std::string whole = out_.str_with_batch(this->batch().c_str());
      input_error(*this, this->batch(), whole + " or its leading axes, as the numbers of channels", shape);
    }
    return shape.size() == 0 ? 1 : out_.size() / shape.size();
  }
  /// Multiplies sample n of y by input k.
  void scale(std::size_t k, const T* x, int64_t n, T* y) const {
    const int64_t inner = inner_[k], count = out_.size() / inner;
    const T* const from = x + n * count;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < inner; ++j) y[i * inner + j] *= from[i];
  }

  Shape out_;
  std::vector<int64_t> inner_;  // by input
  std::vector<View<const T>> x_;
  Buffer<T> products_;
};

const auto registered_Multiply =
    layer<Multiply>("Multiply")
        .summary("The product of several inputs: gates, and scales of channels.")
        .formula("y = x0 * x1 * …")
        .shapes("(N, *), (N, *), … -> (N, *); an input (N, C) or (N, C, 1, 1) scales the channels of (N, C, *)")
        .notes("Called with one input or more: nc.Multiply()(a, b). An input that has only leading axes of the result "
               "scales all that follows them.")
        .source("Hu, Shen, Sun, Squeeze-and-Excitation Networks, 2018")
        .doctest(">>> nc.Multiply()(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))\narray([[3., 8.]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("merges");

}  // namespace
}  // namespace nncore
