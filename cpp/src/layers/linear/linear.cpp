#include <algorithm>

#include "kernels/gemm/dot.hpp"
#include "kernels/reduce/reduce.hpp"
#include "layers/linear/feature_major_linear.hpp"
#include "layers/linear/packed_linear.hpp"
#include "layers/linear/wide_linear.hpp"
#include "nncore/buffer.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {
namespace {

/// Collects the packed gradient, then adds it to the natural one.
template <class T>
class AddToGradients final : public GradientSink<T> {
 public:
  explicit AddToGradients(T* const* packed) : packed_(packed) {}
  void accept(int parameter, int64_t offset, int64_t n, T* g) override {
    std::copy_n(g, n, packed_[parameter] + offset);
  }

 private:
  T* const* packed_;
};

/// y = x W^T + b, W of shape (out_features, in_features).
template <class T>
class Linear final : public UnaryLayer<T> {
 public:
  explicit Linear(const Args& args)
      : K_(args.get<int64_t>("in_features")), C_(args.get<int64_t>("out_features")), bias_(args.get<bool>("bias")) {
    const auto [weight_init, bias_init] = weight_and_bias(args);
    this->declare("weight", {C_, K_}, Role::weight, weight_init, {K_, C_});
    if (bias_) this->declare("bias", {C_}, Role::bias, bias_init, {K_, C_});
  }

  Shape build(const Shape& in) override {
    if (in.rank() < 1 || in.back() != K_) this->shape_error("(N, " + std::to_string(K_) + ")", in, hint(in));
    rows_per_sample_ = in.rows().size();
    product_ = product();
    return in.with_last(C_);
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    if (!pass.training && K_ >= 128 && K_ * C_ >= 16384) return forward_unpacked(x, y);
    T* const packed[2] = {packed_weight_.reserve(K_ * C_), bias_ ? this->parameters()[1].value : nullptr};
    product_->pack(0, this->parameters()[0].value, packed[0]);
    product_->forward(x.batch(), x.data, y.data, packed, pass);
    if (pass.training) x_ = x;
  }

  void backward(View<const T> dy, View<T> dx) override {
    T* const packed[2] = {packed_weight_.data(), nullptr};
    T* const gradient[2] = {packed_gradient_.reserve(K_ * C_ + C_), packed_gradient_.data() + K_ * C_};
    AddToGradients<T> sink(gradient);
    product_->products(dy.batch(), x_.data, dy.data, dx.data, packed, sink);
    product_->unpack(0, gradient[0], natural_gradient_.reserve(K_ * C_));
    kernels<T>().reduce.add(K_ * C_, natural_gradient_.data(), this->parameters()[0].grad);
    if (bias_) kernels<T>().reduce.add(C_, gradient[1], this->parameters()[1].grad);
  }

  Affine affine() const override { return {K_, C_, bias_}; }

  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    if (layout == Layout::feature_major) {
      return rows_per_sample_ == 1 ? std::make_unique<FeatureMajorLinear<T>>(K_, C_, bias_) : nullptr;
    }
    return layout == Layout::batch_major ? product() : nullptr;
  }

 private:
  /// Sizes alone decide, so that a layer as it stands and in a plan computes the same.
  std::unique_ptr<LinearProduct<T>> product() const {
    if (K_ >= kWide) return std::make_unique<WideLinear<T>>(K_, C_, rows_per_sample_, bias_);
    return std::make_unique<PackedLinear<T>>(K_, C_, rows_per_sample_, bias_);
  }

  /// In inference packing many weights takes longer than one product with them.
  void forward_unpacked(View<const T> x, View<T> y) {
    constexpr int64_t rows = 16, columns = 32;  // in cache together
    const int64_t M = x.batch() * rows_per_sample_, down = (M + rows - 1) / rows, across = (C_ + columns - 1) / columns;
    const T *w = this->parameters()[0].value, *bias = bias_ ? this->parameters()[1].value : nullptr;
    const double flops = 2.0 * static_cast<double>(M) * static_cast<double>(K_) * static_cast<double>(C_);
    parallel_for(down * across, flops, [&](int64_t piece) {
      const int64_t m = piece / across * rows, c = piece % across * columns;
      kernels<T>().dot_gemm.forward(std::min(rows, M - m), std::min(columns, C_ - c), K_, K_, x.data + m * K_, K_,
                                         w + c * K_, bias_ ? bias + c : nullptr, y.data + m * C_ + c, C_);
    });
  }

  std::string hint(const Shape& in) const { return in.size() == K_ ? "put a Flatten before it" : ""; }

  /// From so many inputs on the weights are packed with inputs in lanes.
  static constexpr int64_t kWide = 1024;

  int64_t K_, C_;
  bool bias_;
  int64_t rows_per_sample_ = 1;
  std::unique_ptr<LinearProduct<T>> product_;
  Buffer<T> packed_weight_, packed_gradient_, natural_gradient_;
  View<const T> x_;
};

constexpr int64_t kMaxFeatures = int64_t{1} << 31;

const auto registered_Linear =
    layer<Linear>("Linear")
        .summary("Affine map, also called a fully connected or dense layer.")
        .formula("y = x W^T + b")
        .required("in_features", rule::integer(1, kMaxFeatures), "number of inputs K")
        .required("out_features", rule::integer(1, kMaxFeatures), "number of outputs C")
        .field("bias", true, rule::boolean(), "add b")
        .keyword("weight_init", Value(), rule::initializer(),
                 "how W starts; None: U(±1/sqrt(in_features)) as PyTorch does")
        .keyword("bias_init", Value(), rule::initializer(),
                 "how b starts; None: as W by default, zeros when weight_init is \"xavier\" or \"kaiming\"")
        .shapes("(N, *, in_features) -> (N, *, out_features)")
        .notes("Parameters: weight (out_features, in_features), bias (out_features,).")
        .source("Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986")
        .doctest(">>> nc.Linear(2, 20)(np.zeros((5, 2))).shape\n(5, 20)")
        .example({{"in_features", 3}, {"out_features", 2}}, {3})
        .example({{"in_features", 5}, {"out_features", 37}, {"bias", false}}, {5})
        .example({{"in_features", 4}, {"out_features", 3}}, {2, 4})
        .trait("observed_as", "net input")
        .trait("input_size", "in_features");

}  // namespace
}  // namespace nncore
