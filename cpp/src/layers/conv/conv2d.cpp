#include <string>

#include "kernels/reduce/reduce.hpp"
#include "layers/conv/correlation.hpp"
#include "layers/conv/lowered_conv.hpp"
#include "layers/conv/window.hpp"
#include "layers/norm/channels.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y[n, k] = Σ_c x[n, c] ⋆ W[k, c] + b[k], over the channels of k's group.
template <class T>
class Conv2d final : public UnaryLayer<T> {
 public:
  explicit Conv2d(const Args& args)
      : C_(args.get<int64_t>("in_channels")),
        K_(args.get<int64_t>("out_channels")),
        G_(args.get<int64_t>("groups")),
        bias_(args.get<bool>("bias")) {
    check_groups();
    place_windows(args);
    const int64_t kh = window_[0].kernel, kw = window_[1].kernel;
    const Shape shape{K_, C_ / G_, kh, kw};
    const Fan fan{C_ / G_ * kh * kw, K_ * kh * kw};
    const auto [weight_init, bias_init] = weight_and_bias(args);
    this->declare("weight", shape, Role::weight, weight_init, fan);
    if (bias_) this->declare("bias", {K_}, Role::bias, bias_init, fan);
  }

  Shape build(const Shape& in) override {
    const std::string wanted = "(N, " + std::to_string(C_) + ", H, W)";
    if (in.rank() != 3 || in[0] != C_ || in.size() == 0) this->shape_error(wanted, in, image_hint(in, C_));
    std::array<int64_t, 2> out{};
    for (std::size_t axis = 0; axis < 2; ++axis) out[axis] = window_[axis].count(in[static_cast<int>(axis) + 1]);
    if (out[0] == 0 || out[1] == 0) {
      this->shape_error(wanted + " of at least " + pair_text(least(0), least(1)) + " pixels", in,
                        "the kernel is larger than the image; padding makes room");
    }
    in_ = in;
    out_ = {K_, out[0], out[1]};
    forward_.reset();
    conv_.reset();
    if (in_blocks()) conv_ = std::make_unique<BlockedConv<T>>(conv_shape(), false, PropagationKind::training);
    return out_;
  }

  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind kind) override {
    if (!in_blocks() || layout == Layout::feature_major) return nullptr;
    return std::make_unique<LoweredConv<T>>(conv_shape(), layout == Layout::channel_blocked, bias_, kind);
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    if (pass.training) x_ = x;
    if (conv_) return forward_in_blocks(x, y);
    plan();
    const int64_t L = forward_->length();
    const T* w = this->parameters()[0].value;
    if (pass.training) std::copy_n(w, K_ * L, kept_.reserve(K_ * L));
    if (bias_) {  // in front of each row, where the columns hold ones
      T* rows = weights_.reserve(K_ * (L + 1));
      for (int64_t k = 0; k < K_; ++k) {
        rows[k * (L + 1)] = this->parameters()[1].value[k];
        std::copy_n(w + k * L, L, rows + k * (L + 1) + 1);
      }
      w = rows;
    }
    forward_->forward(x.batch(), x.data, w, bias_, y.data, memory_);
  }

  // dW[k, c] = Σ_n x[n, c] ⋆ dy[n, k], db[k] = Σ dy[·, k]
  void backward(View<const T> dy, View<T> dx) override {
    if (conv_) return backward_in_blocks(dy, dx);
    plan();
    const int64_t N = dy.batch(), size = this->parameters()[0].shape.size();
    forward_->weight_gradient(N, x_.data, dy.data, gradient_.reserve(size), memory_);
    kernels<T>().reduce.add(size, gradient_.data(), this->parameters()[0].grad);
    if (bias_) {
      const Channels a{N, K_, out_[1] * out_[2]};
      a.sums(dy.data, sums_.reserve(K_));
      for (int64_t k = 0; k < K_; ++k) this->parameters()[1].grad[k] += static_cast<T>(sums_.data()[k]);
    }
    if (dx.data != nullptr) input_gradient(N, dy.data, dx);
  }

 private:
  /// Input pixels that are a stride apart meet the same taps of the kernel: a correlation of dy for each set of them.
  struct Phase {
    std::array<std::vector<int64_t>, 2> taps;  // rows and columns of the kernel
    Correlation<T> sums;
  };

  /// Does BlockedConv compute it?
  bool in_blocks() const {
    const auto plain = [](const Window& w) { return w.stride == 1 && w.dilation == 1 && w.before == w.after; };
    return G_ == 1 && plain(window_[0]) && plain(window_[1]);
  }

  ConvShape conv_shape() const {
    return {C_, in_[1], in_[2], K_, window_[0].kernel, window_[1].kernel, window_[0].before, window_[1].before};
  }

  void forward_in_blocks(View<const T> x, View<T> y) {
    const int64_t N = x.batch();
    T* const blocked = blocked_.reserve(conv_->results(N));
    conv_->forward(N, x.data, this->parameters()[0].value, bias_ ? this->parameters()[1].value : nullptr, blocked,
                   num_threads(), [](int64_t, int64_t, const T*) {});
    reorder_blocks(false, N, K_, out_[1] * out_[2], blocked, y.data);
  }

  void backward_in_blocks(View<const T> dy, View<T> dx) {
    const int64_t N = dy.batch(), size = this->parameters()[0].shape.size();
    T* const blocked = blocked_.reserve(conv_->results(N));
    reorder_blocks(true, N, K_, out_[1] * out_[2], dy.data, blocked);
    T *dw = gradient_.reserve(size + K_), *db = bias_ ? dw + size : nullptr;
    conv_->backward(N, x_.data, blocked, dx.data, dw, db);
    kernels<T>().reduce.add(size, dw, this->parameters()[0].grad);
    if (bias_) kernels<T>().reduce.add(K_, db, this->parameters()[1].grad);
  }

  void check_groups() const {
    for (const auto& [name, n] : {std::pair{"in_channels", C_}, std::pair{"out_channels", K_}}) {
      if (n % G_ == 0) continue;
      throw ConfigError(expected("[Conv2d]", "groups", std::string("a divisor of ") + name + " = " + std::to_string(n),
                                 std::to_string(G_)));
    }
  }

  void place_windows(const Args& args) {
    const auto kernel = rows_and_columns(args.at("kernel_size")), stride = rows_and_columns(args.at("stride"));
    const auto dilation = rows_and_columns(args.at("dilation"));
    const Value& padding = args.at("padding");
    const auto* word = std::get_if<std::string>(&padding);
    const auto numbers = word == nullptr ? rows_and_columns(padding) : std::array<int64_t, 2>{};
    const bool same = word != nullptr && *word == "same";
    if (same && (stride[0] != 1 || stride[1] != 1)) {
      throw ConfigError(expected("[Conv2d]", "padding", "numbers or 'valid' with a stride other than 1", "'same'"));
    }
    for (std::size_t axis = 0; axis < 2; ++axis) {
      Window& w = window_[axis];
      w = {kernel[axis], stride[axis], dilation[axis], numbers[axis], numbers[axis]};
      if (same) {  // an even kernel has one more behind than before
        w.before = (w.span() - 1) / 2;
        w.after = w.span() - 1 - w.before;
      }
    }
  }

  int64_t least(std::size_t axis) const {
    return std::max(int64_t{1}, window_[axis].span() - window_[axis].before - window_[axis].after);
  }

  /// The correlations for the shape built for, when it is first needed: shapes alone cost no memory.
  void plan() {
    if (forward_) return;
    phases_.clear();
    const auto taps = [&](int axis) {
      const Window& w = window_[static_cast<std::size_t>(axis)];
      std::vector<int64_t> first;
      for (int64_t i = 0; i < w.kernel; ++i) first.push_back(i * w.dilation - w.before);
      return Taps(in_[axis + 1], out_[axis + 1], w.stride, first);
    };
    const auto rows = phases_of(0), columns = phases_of(1);
    for (const auto& [i, row] : rows) {
      for (const auto& [j, column] : columns) {
        phases_.push_back(
            {{row.taps, column.taps}, {G_, K_ / G_, C_ / G_, row.of_dy, column.of_dy, row.at, column.at}});
      }
    }
    all_pixels_ = static_cast<int64_t>(rows.size()) == std::min(window_[0].stride, in_[1]) &&
                  static_cast<int64_t>(columns.size()) == std::min(window_[1].stride, in_[2]);
    forward_ = std::make_unique<Correlation<T>>(G_, C_ / G_, K_ / G_, taps(0), taps(1), OutputGrid{0, 1, out_[1]},
                                                OutputGrid{0, 1, out_[2]});
  }

  struct AxisPhase {
    std::vector<int64_t> taps;
    Taps of_dy;
    OutputGrid at;
  };

  /// Tap i joins input pixel h and output u = (h + before - i dilation) / stride, if that is whole: by the first pixel
  /// of each set, the taps it sees and the u of the first.
  std::map<int64_t, AxisPhase> phases_of(int axis) const {
    const Window& w = window_[static_cast<std::size_t>(axis)];
    const int64_t in = in_[axis + 1], out = out_[axis + 1];
    std::map<int64_t, std::vector<int64_t>> taps;
    for (int64_t i = 0; i < w.kernel; ++i) {
      const int64_t h = ((i * w.dilation - w.before) % w.stride + w.stride) % w.stride;
      if (h < in) taps[h].push_back(i);
    }
    std::map<int64_t, AxisPhase> phases;
    for (const auto& [h, own] : taps) {
      std::vector<int64_t> first;
      for (const int64_t i : own) first.push_back((h + w.before - i * w.dilation) / w.stride);
      const int64_t count = (in - h + w.stride - 1) / w.stride;
      phases.insert({h, {own, Taps(out, count, 1, first), {h, w.stride, in}}});
    }
    return phases;
  }

  // dx[n, c] = Σ_k dy[n, k] ⋆ W[k, c] turned by 180 degrees, one correlation for each phase of the stride. Where most
  // taps of these would lie outside dy (a large kernel without padding), col2im instead
  void input_gradient(int64_t N, const T* dy, View<T> dx) {
    double multiplications = 0;
    for (const Phase& phase : phases_) multiplications += phase.sums.multiplications();
    if (multiplications > 1.5 * forward_->multiplications()) {
      return forward_->col2im(N, dy, transposed_weights(), dx.data, memory_);
    }
    if (!all_pixels_) std::fill_n(dx.data, dx.size(), T(0));
    for (const Phase& phase : phases_) {
      phase.sums.forward(N, dy, weights_of(phase), false, dx.data, memory_);
    }
  }

  /// The weights that a phase sees, as (group, channel, (row of the group, tap, tap)).
  const T* weights_of(const Phase& phase) {
    const int64_t C = C_ / G_, K = K_ / G_, kh = window_[0].kernel, kw = window_[1].kernel;
    const T* w = kept_.data();
    T* const rows = weights_.reserve(G_ * C * phase.sums.length());
    T* to = rows;
    for (int64_t g = 0; g < G_; ++g)
      for (int64_t c = 0; c < C; ++c)
        for (int64_t k = g * K; k < (g + 1) * K; ++k)
          for (const int64_t i : phase.taps[0])
            for (const int64_t j : phase.taps[1]) *to++ = w[((k * C + c) * kh + i) * kw + j];
    return rows;
  }

  /// (group, (channel, tap, tap), row of the group)
  const T* transposed_weights() {
    constexpr int64_t block = 16;  // reads and writes by cache lines
    const int64_t L = forward_->length(), K = K_ / G_;
    const T* w = kept_.data();
    T* const rows = weights_.reserve(K_ * L);
    for (int64_t g = 0; g < G_; ++g)
      for (int64_t l0 = 0; l0 < L; l0 += block)
        for (int64_t k = 0; k < K; ++k)
          for (int64_t l = l0; l < std::min(L, l0 + block); ++l) rows[(g * L + l) * K + k] = w[(g * K + k) * L + l];
    return rows;
  }

  int64_t C_, K_, G_;
  bool bias_, all_pixels_ = true;
  std::array<Window, 2> window_;
  Shape in_, out_;
  std::unique_ptr<BlockedConv<T>> conv_;  // null: correlations do it
  Buffer<T> blocked_;
  std::unique_ptr<Correlation<T>> forward_;
  std::vector<Phase> phases_;
  CorrelationMemory<T> memory_;
  Buffer<T> weights_, kept_, gradient_;  // kept_: the weight of the last training pass, which may change before backward
  Buffer<double> sums_;
  View<const T> x_;
};

using Pair = std::vector<int64_t>;
constexpr int64_t kMaxChannels = int64_t{1} << 31;

const auto registered_Conv2d =
    layer<Conv2d>("Conv2d")
        .summary("Convolution of images (a cross-correlation: the kernel is not turned).")
        .formula("y[n, k, u, v] = Σ_{c,i,j} x[n, c, u·stride + i·dilation - padding, v·stride + j·dilation - padding]"
                 " W[k, c, i, j] + b[k]")
        .required("in_channels", rule::integer(1, kMaxChannels), "number of input channels C")
        .required("out_channels", rule::integer(1, kMaxChannels), "number of output channels K")
        .required("kernel_size", rule::pair(1, kMaxWindow), "rows and columns of the kernel")
        .field("stride", 1, rule::pair(1, kMaxWindow), "pixels from one window to the next")
        .field("padding", 0, rule::padding(kMaxWindow),
               "zeros around the image; \"same\": as many as keep its size (stride 1), \"valid\": none")
        .field("dilation", 1, rule::pair(1, kMaxWindow), "pixels from one element of the kernel to the next")
        .field("groups", 1, rule::integer(1, kMaxChannels),
               "channels fall into so many groups that do not mix; a divisor of in_channels and out_channels")
        .field("bias", true, rule::boolean(), "add b")
        .keyword("weight_init", Value(), rule::initializer(),
                 "how W starts; None: U(±1/sqrt(fan_in)), fan_in = C/groups · kernel, as PyTorch does")
        .keyword("bias_init", Value(), rule::initializer(),
                 "how b starts; None: as W by default, zeros when weight_init is \"xavier\" or \"kaiming\"")
        .shapes("(N, C, H, W) -> (N, K, U, V), U = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1")
        .notes("Parameters: weight (K, C/groups, rows, columns), bias (K,).\n\n"
               "Kernels of 3 x 3 and 5 x 5 over many channels are computed with fewer multiplications (Winograd), "
               "which rounds two to five times as much as the sum of the formula; a NaN or inf spreads over 4 x 4 "
               "pixels.")
        .source("LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998")
        .doctest(">>> nc.Conv2d(3, 16, 5)(np.zeros((2, 3, 32, 32))).shape\n(2, 16, 28, 28)")
        .example({{"in_channels", 2}, {"out_channels", 3}, {"kernel_size", 3}}, {2, 5, 4})
        .example({{"in_channels", 4}, {"out_channels", 6}, {"kernel_size", Pair{2, 3}},
                  {"stride", Pair{2, 1}}, {"padding", Pair{1, 2}}, {"dilation", Pair{1, 2}}, {"groups", 2}},
                 {4, 5, 4})
        .example({{"in_channels", 3}, {"out_channels", 3}, {"kernel_size", 2},
                  {"padding", "same"}, {"groups", 3}, {"bias", false}},
                 {3, 3, 4})
        .example({{"in_channels", 2}, {"out_channels", 2}, {"kernel_size", 1},
                  {"stride", 3}},
                 {2, 4, 5})
        .trait("observed_as", "net input");

}  // namespace
}  // namespace nncore
