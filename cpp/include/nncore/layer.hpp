/// Layer: declares its parameters, knows its shapes, computes forward and backward. A layer object belongs to one
/// node of one model and holds that node's caches; layers in several places share parameters, not objects.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "nncore/error.hpp"
#include "nncore/parameter.hpp"
#include "nncore/registry.hpp"
#include "nncore/view.hpp"

namespace nncore {

/// What one pass through the model is for. Random numbers depend on (seed, layer, epoch, step) alone.
struct Pass {
  bool training = false;      ///< drop, normalise by the batch, keep what backward needs
  bool update_state = false;  ///< update running statistics
  uint64_t seed = 0;
  uint32_t epoch = 0, step = 0;
};

/// A function applied to each element, with its derivative taken from the output y or, if `from_x`, from the input.
/// Layers that produce rows may apply it to a tile while the tile is in cache: the same kernel, hence the same bits.
template <class T>
struct Elementwise {
  using Forward = void (*)(int64_t n, const T* a, const T* x, T* y);
  using Backward = void (*)(int64_t n, const T* a, const T* kept, const T* dy, T* dx);
  Forward forward = nullptr;
  Backward backward = nullptr;
  const T* a = nullptr;
  bool from_x = false;
  explicit operator bool() const { return forward != nullptr; }
};

/// An interval; by default all numbers.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};

/// In training each element is dropped with probability p, by the words of a random stream.
struct DropoutSpec {
  double p = 0;
  std::string stream;
};

/// Accepts finished tiles of parameter gradients, in the parameter's planned order: n elements from `offset` on. It may
/// change g. Called from several threads for disjoint tiles.
template <class T>
class GradientSink {
 public:
  virtual ~GradientSink() = default;
  virtual void accept(int parameter, int64_t offset, int64_t n, T* g) = 0;
};

/// How a batch lies in memory (L: vector lanes). batch_major: (N, features), images NCHW. feature_major: (features, N),
/// the batch innermost and padded to whole registers. channel_blocked: (N, C / L, H, W, L), oneDNN's nChw8c and
/// nChw16c, channels padded to whole blocks with zeros, or what a function of each element makes of zeros.
enum class Layout { batch_major, feature_major, channel_blocked };

/// What a lowered form is for (prop_kind in oneDNN). In inference it has no backward, and its parameters do not change.
enum class PropagationKind { training, inference };

/// y = (x - center) scale + shift, with numbers for each channel and room for whole blocks of them.
template <class T>
struct ChannelAffine {
  const T *center, *scale, *shift;
};

/// A layer that is such a map in inference: scale and shift of each channel, from its current parameters.
template <class T>
class ChannelAffineSource {
 public:
  virtual ChannelAffine<T> channel_affine() = 0;

 protected:
  ~ChannelAffineSource() = default;
};

template <class T>
class LoweredPool;  // lowering/lowered_pool.hpp

/// What the layer before may compute on its results while they are in cache (post-ops in oneDNN): a function of each
/// element, dropout, a map of each channel, or a pooling of channel-blocked images. monostate: nothing.
template <class T>
using Fusable = std::variant<std::monostate, Elementwise<T>, const DropoutSpec*, ChannelAffineSource<T>*,
                             std::shared_ptr<LoweredPool<T>>>;

template <class T>
class Layer;

/// The order that a lowered form's kernels require of its parameters (oneDNN reorders weights to such formats).
template <class T>
class Packing {
 public:
  virtual ~Packing() = default;
  /// Brings parameter i (or its optimizer state) from its natural order to the packed one, and back: a permutation, to
  /// which some packings add zeros.
  virtual void pack(int i, const T* natural, T* packed) const = 0;
  virtual void unpack(int i, const T* packed, T* natural) const = 0;
};

/// y = W x + b with parameters W (C, K) and, with a bias, b (C); K = 0: no such map.
struct Affine {
  int64_t K = 0, C = 0;
  bool bias = false;
  explicit operator bool() const { return K > 0; }
};

/// The lowered form of a layer: how a plan runs it. x, dx: one pointer for each input.
template <class T>
class Lowered {
 public:
  virtual ~Lowered() = default;
  /// The packing that its kernels require, kept from step to step; null: the natural order.
  virtual const Packing<T>* packing() const { return nullptr; }
  /// Layout of the results; the inputs have the layout it was lowered for.
  virtual Layout layout() const { return Layout::batch_major; }
  /// Vector instructions of one step with N samples, roughly: by their sum a plan chooses its layout.
  virtual double cost(int64_t N) const = 0;
  /// Fuses the layer that follows (a post-op): computes it, too, while its input is in cache, and returns its results
  /// from then on. False: cannot.
  virtual bool fuse(Layer<T>&) { return false; }
  /// Is dy, as backward leaves it, the gradient of every input? Then dx[k] may be dy itself, without a copy.
  virtual bool passes_gradient() const { return false; }
  /// y = f(x) for N samples; w[i] is parameter i, in that order.
  virtual void forward_from(int64_t N, const T* const* x, T* y, T* const* w, const Pass& pass) = 0;
  /// x and y are those of the last forward; dy may be overwritten. Assigns each dx that is not null, all of them before
  /// the sink gets gradients of w.
  virtual void backward_to(int64_t N, const T* const* x, const T* y, T* dy, T* const* dx, T* const* w,
                           GradientSink<T>& sink) = 0;
};

/// The lowered form of a layer of one input.
template <class T>
class UnaryLowered : public Lowered<T> {
 public:
  virtual void forward(int64_t N, const T* x, T* y, T* const* w, const Pass& pass) = 0;
  virtual void backward(int64_t N, const T* x, const T* y, T* dy, T* dx, T* const* w, GradientSink<T>& sink) = 0;

  void forward_from(int64_t N, const T* const* x, T* y, T* const* w, const Pass& pass) final {
    forward(N, x[0], y, w, pass);
  }
  void backward_to(int64_t N, const T* const* x, const T* y, T* dy, T* const* dx, T* const* w,
                   GradientSink<T>& sink) final {
    backward(N, x[0], y, dy, dx[0], w, sink);
  }
};

template <class T>
class Layer {
 public:
  virtual ~Layer() = default;

  /// Shape of one output sample for one sample of each input; throws ShapeError. Called before the first forward and
  /// whenever a shape changes.
  virtual Shape build_from(std::span<const Shape> in) = 0;
  /// y = f(x). Without pass.training nothing is kept and no random number is drawn.
  virtual void forward_from(std::span<const View<const T>> x, View<T> y, const Pass& pass) = 0;
  /// Adds to the parameters' gradients and assigns each dx (unless its data is null) for the last training forward.
  virtual void backward_to(View<const T> dy, std::span<const View<T>> dx) = 0;
  /// Is dy the gradient of every input? Then dx[k] may be dy itself, without a copy.
  virtual bool passes_gradient() const { return false; }

  /// Throws ShapeError when N samples of the shape built for are too few to train on.
  virtual void check_training(int64_t N) const { static_cast<void>(N); }
  /// What the layer before may fuse; constant for the layer's life and the shape built for.
  virtual Fusable<T> fusable(PropagationKind) { return {}; }
  /// Set when that is a function of each element.
  Elementwise<T> elementwise() {
    const Fusable<T> whole = fusable(PropagationKind::training);
    const auto* f = std::get_if<Elementwise<T>>(&whole);
    return f != nullptr ? *f : Elementwise<T>{};
  }
  /// Outputs outside count as saturated: they hardly react to the input. By default none are.
  virtual Bounds saturation_bounds() const { return {}; }
  /// Set when a sample is one vector and the layer such a map.
  virtual Affine affine() const { return {}; }
  /// The lowered form for inputs of this layout; null: there is none, and plans run forward and backward as they stand,
  /// which in layouts other than batch_major (feature_major, channel_blocked) only elementwise layers can do.
  virtual std::unique_ptr<Lowered<T>> lower(Layout, PropagationKind) { return nullptr; }
  /// Does it run user-defined code, which may throw in the middle of a step?
  virtual bool user_defined() const { return false; }

  /// Does inference need the full batch, or may it go in micro-batches?
  virtual bool needs_full_batch() const { return user_defined(); }

  /// build_from, with N for the text of an error.
  Shape build_for(const std::string& N, std::span<const Shape> in) {
    batch_ = N;
    return build_from(in);
  }

  std::vector<Parameter<T>>& parameters() { return parameters_; }  ///< and buffers, in order of declaration
  /// What of it does not learn is read there from here on.
  void follow(Freezing& freezing) {
    freezing_ = &freezing;
    while (freezing.parameters.size() < parameters_.size()) freezing.parameters.push_back(false);
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].frozen = &freezing.parameters[i];
  }
  void set_label(const std::string& kind, std::string name) {
    label_ = std::string("[").append(kind).append(" \"").append(name).append("\"]");
    name_ = std::move(name);
  }
  void set_label(const std::string& function) { label_ = std::string("[").append(function).append("]"); }
  const std::string& label() const { return label_; }
  const std::string& name() const { return name_; }

 protected:
  /// For the constructor: parameters follow from the arguments alone.
  void declare(std::string name, Shape shape, Role role, std::shared_ptr<const Spec> init, Fan fan = {}) {
    parameters_.push_back({std::move(name), shape, role, fan, std::move(init), nullptr, nullptr, nullptr});
  }
  /// As a whole: running statistics are used and kept, in training, too.
  bool frozen() const { return freezing_ != nullptr && freezing_->layer; }
  /// The batch as an error's text shows it.
  const std::string& batch() const { return batch_; }
  [[noreturn]] void shape_error(const std::string& wanted, const Shape& got, const std::string& hint = "") const {
    throw ShapeError(expected(label_, "x", wanted, got.str_with_batch(batch_.c_str()), hint));
  }

 private:
  std::vector<Parameter<T>> parameters_;
  const Freezing* freezing_ = nullptr;
  std::string label_, name_, batch_ = "N";
};

/// Base of the layers of one input, which is most of them.
template <class T>
class UnaryLayer : public Layer<T> {
 public:
  virtual Shape build(const Shape& in) = 0;
  virtual void forward(View<const T> x, View<T> y, const Pass& pass) = 0;
  virtual void backward(View<const T> dy, View<T> dx) = 0;

  Shape build_from(std::span<const Shape> in) final {
    if (in.size() != 1) {
      throw ConfigError(expected(this->label(), "inputs", "one", std::to_string(in.size())));
    }
    return build(in[0]);
  }
  void forward_from(std::span<const View<const T>> x, View<T> y, const Pass& pass) final { forward(x[0], y, pass); }
  void backward_to(View<const T> dy, std::span<const View<T>> dx) final { backward(dy, dx[0]); }
};

/// Base of the layers that act on each element alone: a class gives the kernels, this gives all the rest.
template <class T>
class ElementwiseLayer : public UnaryLayer<T> {
 public:
  virtual Elementwise<T> function() const = 0;
  Fusable<T> fusable(PropagationKind) final { return function(); }
  Shape build(const Shape& in) override { return in; }
  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    const Elementwise<T> f = function();
    f.forward(x.size(), f.a, x.data, y.data);
    if (pass.training) kept_ = f.from_x ? x.data : y.data;
  }
  void backward(View<const T> dy, View<T> dx) override {
    if (dx.data == nullptr) return;
    const Elementwise<T> f = function();
    f.backward(dy.size(), f.a, kept_, dy.data, dx.data);
  }

 private:
  const T* kept_ = nullptr;
};

}  // namespace nncore
