#include <cmath>
#include <string>

#include "layers/norm/channels.hpp"
#include "nncore/buffer.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = h weight + bias with h = (x - mean) / sqrt(var + eps), mean and var of each row of D = Π normalized_shape.
template <class T>
class LayerNorm final : public UnaryLayer<T> {
 public:
  explicit LayerNorm(const Args& args) : eps_(args.get<double>("eps")) {
    const auto extents = args.get<std::vector<int64_t>>("normalized_shape");
    shape_ = Shape(extents.data(), static_cast<int64_t>(extents.size()));
    this->declare("weight", shape_, Role::gain, initializer_spec("ones"));
    this->declare("bias", shape_, Role::bias, initializer_spec("zeros"));
  }

  Shape build(const Shape& in) override {
    const int lead = in.rank() - shape_.rank();
    bool fits = lead >= 0;
    for (int i = 0; fits && i < shape_.rank(); ++i) fits = in[lead + i] == shape_[i];
    if (!fits) {
      std::string wanted = "(N, *";
      for (int i = 0; i < shape_.rank(); ++i) wanted += ", " + std::to_string(shape_[i]);
      this->shape_error(wanted + ")", in);
    }
    rows_per_sample_ = in.size() / D();
    return in;
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    const int64_t rows = x.batch() * rows_per_sample_;
    const Channels by_row{1, rows, D()}, by_column{rows, D(), 1};
    double *mean = sums_.reserve(2 * rows), *variance = mean + rows;
    T *center = center_.reserve(rows), *inverse = inverse_.reserve(rows);
    T* const h = pass.training ? h_.reserve(x.size()) : y.data;
    by_row.moments(x.data, mean, variance);
    for (int64_t r = 0; r < rows; ++r) {
      center[r] = static_cast<T>(mean[r]);
      inverse[r] = static_cast<T>(1.0 / std::sqrt(variance[r] + eps_));
    }
    by_row.affine(x.data, center, inverse, zeros(rows), h);
    by_column.affine(h, zeros(D()), this->parameters()[0].value, this->parameters()[1].value, y.data);
    if (pass.training) std::copy_n(this->parameters()[0].value, D(), weight_.reserve(D()));
  }

  // dweight = Σ dy h, dbias = Σ dy over the rows; with g = dy weight
  // dx = (g - mean of g - h · mean of g h) / sqrt(var + eps), means over the row
  void backward(View<const T> dy, View<T> dx) override {
    const int64_t rows = dy.batch() * rows_per_sample_, most = std::max(rows, D());
    const Channels by_row{1, rows, D()}, by_column{rows, D(), 1};
    double *sums = sums_.reserve(2 * most), *products = sums + most;
    const double* no_center = no_center_.reserve(most);
    by_column.products(dy.data, h_.data(), no_center, products);
    by_column.sums(dy.data, sums);
    for (int64_t i = 0; i < D(); ++i) {
      this->parameters()[0].grad[i] += static_cast<T>(products[i]);
      this->parameters()[1].grad[i] += static_cast<T>(sums[i]);
    }
    if (dx.data == nullptr) return;
    T *g = g_.reserve(dy.size()), *slope = slope_.reserve(rows), *level = level_.reserve(rows);
    by_column.affine(dy.data, zeros(D()), weight_.data(), zeros(D()), g);
    by_row.sums(g, sums);
    by_row.products(g, h_.data(), no_center, products);
    for (int64_t r = 0; r < rows; ++r) {
      level[r] = static_cast<T>(sums[r] / static_cast<double>(D()));
      slope[r] = static_cast<T>(products[r] / static_cast<double>(D()));
    }
    by_row.gradient(h_.data(), g, zeros(rows), inverse_.data(), slope, level, dx.data);
  }

 private:
  int64_t D() const { return shape_.size(); }
  const T* zeros(int64_t n) { return zeros_.reserve(n); }  // never written: they stay zeros

  Shape shape_;
  double eps_;
  int64_t rows_per_sample_ = 1;
  Buffer<double> sums_, no_center_;
  Buffer<T> center_, inverse_, slope_, level_, h_, g_, zeros_;
  Buffer<T> weight_;  // of the last training pass, which may change before backward
};

const auto registered_LayerNorm =
    layer<LayerNorm>("LayerNorm")
        .summary("Normalises each sample over its last axes.")
        .formula("y = (x - mean) / sqrt(var + eps) * weight + bias")
        .required("normalized_shape", rule::extents(), "extents of the axes that mean and var are taken over")
        .field("eps", 1e-5, rule::non_negative(), "added to the variance")
        .shapes("(N, *, normalized_shape) -> (N, *, normalized_shape)")
        .notes("mean and (biased) var are of each sample alone, in training and inference alike. Parameters: weight "
               "and bias of shape normalized_shape, both free of the Trainer's l1 and l2.")
        .source("Ba, Kiros, Hinton, Layer Normalization, 2016")
        .doctest(">>> nc.LayerNorm(2)(np.array([[1.0, 3.0]])).round(4)\narray([[-1.,  1.]])")
        .example({{"normalized_shape", 3}}, {3})
        .example({{"normalized_shape", std::vector<int64_t>{5, 7}}, {"eps", 0.1}}, {2, 5, 7})
        .example({{"normalized_shape", 37}}, {37})
        .trait("observed_as", "net input");

}  // namespace
}  // namespace nncore
