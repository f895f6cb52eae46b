#include <algorithm>

#include "kernels/table.hpp"
#include "layers/epilogue.hpp"
#include "nncore/buffer.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {
namespace {

/// y = x W^T + b on W^T packed in panels (layout in kernels/table.hpp). K = in_features, C = out_features.
template <class T>
class PackedLinear final : public Lowered<T>, public Packing<T> {
 public:
  PackedLinear(int64_t K, int64_t C, int64_t rows_per_sample, bool bias)
      : K_(K), C_(C), rows_per_sample_(rows_per_sample), bias_(bias), db_(C) {}

  double cost(int64_t N) const override {
    return 3.0 * static_cast<double>(N * rows_per_sample_ * K_ * divide_up(C_, kernels<T>().lanes));
  }

  const Packing<T>* packing() const override { return this; }

  void pack(int i, const T* natural, T* packed) const override {
    if (i == 1) {
      std::copy_n(natural, C_, packed);
      return;
    }
    for_each_panel([&](int64_t j0, int64_t width) {
      for (int64_t k = 0; k < K_; ++k)
        for (int64_t j = j0; j < j0 + width; ++j) *packed++ = natural[j * K_ + k];
    });
  }

  void unpack(int i, const T* packed, T* natural) const override {
    if (i == 1) {
      std::copy_n(packed, C_, natural);
      return;
    }
    for_each_panel([&](int64_t j0, int64_t width) {
      for (int64_t k = 0; k < K_; ++k)
        for (int64_t j = j0; j < j0 + width; ++j) natural[j * K_ + k] = *packed++;
    });
  }

  bool fuse(Layer<T>& next) override { return after_.add(next); }

  void forward(int64_t N, const T* x, T* y, T* const* w, const Pass& pass) override {
    const int64_t M = N * rows_per_sample_;
    after_.begin(M * C_, pass);
    const int64_t panels = divide_up(C_, panel()), groups = divide_up(panels, kPanelGroup);
    const int64_t block = row_block(), blocks = divide_up(M, block);
    parallel_for(blocks * groups, flops(M), [&](int64_t piece) {
      const int64_t m0 = piece / groups * block, rows = std::min(block, M - m0);
      const int64_t p0 = piece % groups * kPanelGroup, p1 = std::min(panels, p0 + kPanelGroup);
      const int64_t j0 = p0 * panel(), j1 = std::min(C_, p1 * panel());
      for (int64_t j = j0; j < j1; j += panel()) {
        kernels<T>().gemm_forward(rows, std::min(panel(), C_ - j), K_, x + m0 * K_, K_, w[0] + j * K_,
                                  bias_ ? w[1] + j : nullptr, y + m0 * C_ + j, C_);
      }
      if (!after_) return;
      if (groups == 1) return after_.forward(m0 * C_, rows * C_, y + m0 * C_);
      for (int64_t m = m0; m < m0 + rows; ++m) after_.forward(m * C_ + j0, j1 - j0, y + m * C_ + j0);
    });
  }

  // dx = dz W, dW = dz^T x, db = the sum of dz over the rows
  void backward(int64_t N, const T* x, const T* y, T* dy, T* dx, T* const* w, GradientSink<T>& sink) override {
    after_.backward(N * rows_per_sample_ * C_, y, dy);
    products(N, x, dy, dx, w, sink);
  }

  void products(int64_t N, const T* x, const T* dz, T* dx, T* const* w, GradientSink<T>& sink) {
    const int64_t M = N * rows_per_sample_;
    if (dx != nullptr) {
      const int64_t block = row_block(), blocks = divide_up(M, block), columns = divide_up(K_, kColumnBlock);
      parallel_for(blocks * columns, flops(M), [&](int64_t piece) {
        const int64_t m0 = piece / columns * block, k0 = piece % columns * kColumnBlock;
        kernels<T>().gemm_dx(std::min(block, M - m0), C_, K_, k0, std::min(K_, k0 + kColumnBlock), dz + m0 * C_, C_,
                             w[0], dx + m0 * K_, K_);
      });
    }
    const int64_t panels = divide_up(C_, panel()), tiles = divide_up(K_, kTileRows);
    parallel_for(panels * tiles, flops(M), [&](int64_t piece) {
      const int64_t j = piece / tiles * panel(), width = std::min(panel(), C_ - j);
      const int64_t k = piece % tiles * kTileRows, rows = std::min(kTileRows, K_ - k);
      alignas(64) T tile[kTileRows * kMaxPanel];
      kernels<T>().gemm_dw(M, width, rows, x + k, K_, dz + j, C_, tile);
      sink.take(0, j * K_ + k * width, rows * width, tile);
    });
    if (bias_) {
      kernels<T>().column_sums(M, C_, dz, C_, db_.data());
      sink.take(1, 0, C_, db_.data());
    }
  }

 private:
  // Pieces of work are cut by sizes alone: the same for any number of threads.
  static constexpr int64_t kPanelGroup = 4, kColumnBlock = 128, kTileRows = 64, kMaxPanel = 32;

  /// Small layers are all overhead: fewer, longer calls.
  int64_t row_block() const { return K_ * C_ <= 2048 ? 448 : 56; }

  static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
  static int64_t panel() { return kernels<T>().panel; }
  double flops(int64_t M) const { return 2.0 * static_cast<double>(M) * static_cast<double>(K_) * static_cast<double>(C_); }

  template <class F>
  void for_each_panel(F f) const {
    for (int64_t j = 0; j < C_; j += panel()) f(j, std::min(panel(), C_ - j));
  }

  int64_t K_, C_, rows_per_sample_;
  bool bias_;
  Epilogue<T> after_;
  Buffer<T> db_;
};

/// The same with samples in lanes, for layers too narrow to fill lanes with outputs. Parameters stay as they are.
/// Arrays are (features, samples), whole registers of samples.
template <class T>
class LanesLinear final : public Lowered<T> {
 public:
  LanesLinear(int64_t K, int64_t C, bool bias) : K_(K), C_(C), bias_(bias), gradient_(K * C + C) {}

  Layout layout() const override { return Layout::features; }
  double cost(int64_t N) const override {  // three products, and a tree of sums for each weight
    return static_cast<double>((3 * whole_registers<T>(N) / kernels<T>().lanes + 5) * K_ * C_);
  }

  bool fuse(Layer<T>& next) override { return after_.add_elementwise(next); }

  void forward(int64_t samples, const T* x, T* y, T* const* w, const Pass& pass) override {
    const int64_t N = whole_registers<T>(samples);
    after_.begin(N * C_, pass);
    for_each_block(N, [&](int64_t n, int64_t count) {
      kernels<T>().lanes_forward(count, C_, K_, N, x + n, w[0], bias_ ? w[1] : nullptr, y + n);
      if (!after_) return;
      if (count == N) return after_.forward(0, N * C_, y);
      for (int64_t c = 0; c < C_; ++c) after_.forward(c * N + n, count, y + c * N + n);
    });
  }

  // dx = W^T dz, dW = dz x^T, db = the sum of dz over the samples
  void backward(int64_t samples, const T* x, const T* y, T* dz, T* dx, T* const* w, GradientSink<T>& sink) override {
    const int64_t N = whole_registers<T>(samples);
    after_.backward(N * C_, y, dz);
    if (dx != nullptr) {
      for_each_block(N, [&](int64_t n, int64_t count) {
        kernels<T>().lanes_dx(count, C_, K_, N, dz + n, w[0], dx + n);
      });
    }
    T *dw = gradient_.data(), *db = dw + K_ * C_;
    parallel_for((C_ + kRows - 1) / kRows, flops(N), [&](int64_t piece) {
      const int64_t c = piece * kRows, rows = std::min(kRows, C_ - c);
      kernels<T>().lanes_dw(N, rows, K_, N, x, dz + c * N, dw + c * K_);
      if (bias_) kernels<T>().lanes_db(N, rows, N, dz + c * N, db + c);
    });
    sink.take(0, 0, K_ * C_, dw);
    if (bias_) sink.take(1, 0, C_, db);
  }

 private:
  static constexpr int64_t kBlock = 512, kRows = 32;

  template <class F>
  void for_each_block(int64_t N, F f) const {
    parallel_for((N + kBlock - 1) / kBlock, flops(N), [&](int64_t piece) {
      f(piece * kBlock, std::min(kBlock, N - piece * kBlock));
    });
  }
  double flops(int64_t N) const { return 2.0 * static_cast<double>(N) * static_cast<double>(K_) * static_cast<double>(C_); }

  int64_t K_, C_;
  bool bias_;
  Epilogue<T> after_;
  Buffer<T> gradient_;
};

/// Collects the packed gradient, then adds it to the natural one.
template <class T>
class AddToGradients final : public GradientSink<T> {
 public:
  explicit AddToGradients(T* const* packed) : packed_(packed) {}
  void take(int parameter, int64_t offset, int64_t n, T* g) override { std::copy_n(g, n, packed_[parameter] + offset); }

 private:
  T* const* packed_;
};

/// y = x W^T + b, W of shape (out_features, in_features).
template <class T>
class Linear final : public Layer<T> {
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
    product_ = std::make_unique<PackedLinear<T>>(K_, C_, rows_per_sample_, bias_);
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
    kernels<T>().add(K_ * C_, natural_gradient_.data(), this->parameters()[0].grad);
    if (bias_) kernels<T>().add(C_, gradient[1], this->parameters()[1].grad);
  }

  Affine affine() const override { return {K_, C_, bias_}; }

  std::unique_ptr<Lowered<T>> lower(Layout layout) override {
    if (layout == Layout::features) {
      return rows_per_sample_ == 1 ? std::make_unique<LanesLinear<T>>(K_, C_, bias_) : nullptr;
    }
    return std::make_unique<PackedLinear<T>>(K_, C_, rows_per_sample_, bias_);
  }

 private:
  /// In inference packing many weights takes longer than one product with them.
  void forward_unpacked(View<const T> x, View<T> y) {
    constexpr int64_t rows = 16, columns = 64;  // in cache together
    const int64_t M = x.batch() * rows_per_sample_, down = (M + rows - 1) / rows, across = (C_ + columns - 1) / columns;
    const T *w = this->parameters()[0].value, *bias = bias_ ? this->parameters()[1].value : nullptr;
    const double flops = 2.0 * static_cast<double>(M) * static_cast<double>(K_) * static_cast<double>(C_);
    parallel_for(down * across, flops, [&](int64_t piece) {
      const int64_t m = piece / across * rows, c = piece % across * columns;
      kernels<T>().gemm_rows(std::min(rows, M - m), std::min(columns, C_ - c), K_, x.data + m * K_, K_, w + c * K_,
                             bias_ ? bias + c : nullptr, y.data + m * C_ + c, C_);
    });
  }

  std::string hint(const Shape& in) const { return in.size() == K_ ? "put a Flatten before it" : ""; }

  int64_t K_, C_;
  bool bias_;
  int64_t rows_per_sample_ = 1;
  std::unique_ptr<PackedLinear<T>> product_;
  Buffer<T> packed_weight_, packed_gradient_, natural_gradient_;
  View<const T> x_;
};

constexpr int64_t kMaxFeatures = int64_t{1} << 31;

const auto registered =
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
        .example({{"in_features", int64_t{3}}, {"out_features", int64_t{2}}}, {3})
        .example({{"in_features", int64_t{5}}, {"out_features", int64_t{37}}, {"bias", false}}, {5})
        .example({{"in_features", int64_t{4}}, {"out_features", int64_t{3}}}, {2, 4});

}  // namespace
}  // namespace nncore
