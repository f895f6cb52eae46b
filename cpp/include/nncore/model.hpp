/// Model: a graph of layers, the memory of their parameters, and the layerwise run (PyTorch's eager mode), in which
/// every intermediate value can be read. Training steps run planned: nncore/plan.hpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nncore/buffer.hpp"
#include "nncore/access_guard.hpp"
#include "nncore/execution_context.hpp"
#include "nncore/layer.hpp"

namespace nncore {

/// One allocation that holds the parameters (and gradients) of the layers of one model.
template <class T>
struct Block {
  Buffer<T> values, grads;
};

/// Where one layer's parameters and buffers lie. The layer objects of all places that share them point here.
template <class T>
struct Storage : GuardedMemory {
  std::shared_ptr<Block<T>> block;     ///< keeps the parameters' memory
  std::shared_ptr<Buffer<T>> buffers;  ///< keeps the running statistics' memory
  std::vector<T*> values, grads;       ///< one for each declared parameter, null gradient for buffers
};

/// A layer as the user holds it: its recipe and, once it belongs to a model, its parameters. A container has none of
/// its own: its children, which may serve in other places too, hold them.
struct LayerHandle {
  Spec spec;
  std::vector<std::shared_ptr<LayerHandle>> children;
  std::shared_ptr<Storage<float>> f32;
  std::shared_ptr<Storage<double>> f64;
  bool provisional = false;  ///< the next model may move the values into its own storage
  int64_t generation = 0;    ///< how many storages there have been
  Freezing freezing;

  template <class T>
  std::shared_ptr<Storage<T>>& storage() {
    if constexpr (std::is_same_v<T, float>) {
      return f32;
    } else {
      return f64;
    }
  }
  template <class F>
  void each_leaf(F f) {
    if (children.empty()) return f(*this);
    for (const auto& child : children) child->each_leaf(f);
  }
};

/// (x - mean) / std, one number for all features or one for each; part of the model, applied to its inputs.
template <class T>
struct Normalization {
  std::vector<T> mean, inverse_std;
  std::vector<double> exact_mean, exact_inverse_std;  ///< for numbers that T does not hold
  std::vector<char> exact_alone;  ///< of a feature: its mean is too far from 0 to be a T, beside its deviation
  int64_t step() const { return mean.size() > 1 ? 1 : 0; }
};

template <class T>
class Inference;
template <class T>
class Layerwise;

/// A layer of a model where it runs. Value 0 is the model's input, value i + 1 what node i computes.
template <class T>
struct ModelNode {
  std::string name;  ///< "1.0": layer 0 inside of the container at place "1"
  LayerHandle* handle;
  std::unique_ptr<Layer<T>> layer;
  std::vector<std::size_t> inputs;   ///< values, all computed before it
  std::size_t place;                 ///< of the model, that it belongs to
  std::vector<std::size_t> trained;  ///< its parameters, in order and without buffers, among the model's
};

template <class T>
class Model {
 public:
  /// A layer as the user placed it. A container (Residual) becomes a node for each layer inside and one that joins
  /// their result with what came in.
  struct Place {
    std::string name;
    std::shared_ptr<LayerHandle> handle;
    std::vector<std::size_t> inputs;  ///< 0: the model's input; p + 1: what place p computes, p being before this one
  };

  /// Takes over or shares the parameters of the handles; new ones are filled from the seed. The last place is the
  /// output. With an input_shape, of one sample, other samples are refused. `kind`: what the user made, for errors.
  /// Throws ConfigError for a layer that belongs to a model of the other dtype, ShapeError for layers that do not fit
  /// the input_shape; the handles are then as they were.
  Model(std::vector<Place> places, uint64_t seed, std::optional<Normalization<T>> input,
        std::optional<Shape> input_shape = std::nullopt, std::string kind = "Sequential");
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// What the user made: "Graph", "Sequential", or the class of a layer that runs alone.
  const std::string& kind() const { return kind_; }
  /// For errors.
  std::string where() const { return "[" + kind_ + "]"; }
  const std::vector<Place>& places() const { return places_; }
  /// The value that a place computes.
  std::size_t value_of(std::size_t place) const { return value_of_[place + 1]; }
  std::size_t n_nodes() const { return nodes_.size(); }
  const ModelNode<T>& node(std::size_t i) const { return nodes_[i]; }
  Layer<T>& layer(std::size_t i) { return *nodes_[i].layer; }
  bool is_chain() const;  ///< each node reads what the one before it computes, and that alone
  /// For errors: `[Linear "1"] weight`, `[Residual "1"] 0.weight`, or with `what` in front of the parameter's name.
  std::string described(std::size_t node, const std::string& parameter, const char* what = "") const;
  const std::optional<Normalization<T>>& input() const { return input_; }
  uint64_t seed() const { return seed_; }

  /// Parameters in order, each once however many places share it; named "0.weight".
  const std::vector<Parameter<T>*>& parameters() const { return trained_; }
  const std::vector<std::string>& parameter_names() const { return trained_names_; }
  /// How many of them are frozen.
  std::size_t n_frozen() const;
  /// Throws ConfigError when there are parameters and all are frozen.
  void check_learns(const char* where) const;
  /// A parameter that does not learn has no gradient: it becomes 0.
  void set_learns(std::size_t parameter, bool learns);
  const std::vector<Parameter<T>*>& buffers() const { return buffers_; }
  const std::vector<std::string>& buffer_names() const { return buffer_names_; }
  /// Where node i's parameters, in its order and without buffers, are among parameters().
  const std::vector<std::size_t>& trained_of(std::size_t i) const { return nodes_[i].trained; }

  /// The start of all parameters, if they lie one after the other without gaps in parameters()' order; else null.
  T* flat_values() const { return contiguous_ ? flat_values_ : nullptr; }
  T* flat_grads() const { return contiguous_ ? flat_grads_ : nullptr; }
  int64_t n_values() const { return n_values_; }

  /// Fills every parameter anew and resets the buffers.
  void initialize(uint64_t seed);
  void zero_grad();

  /// Shapes of one sample of each value; throws ShapeError, whose text says N samples.
  const std::vector<Shape>& build(const Shape& sample, const std::string& N = "N");

  /// The same for x (N, …).
  const std::vector<Shape>& build_for(View<const T> x);

  /// Floating-point operations of a forward pass for N samples of the shape built for, roughly.
  double work(int64_t N) const { return work_ * static_cast<double>(N); }

  /// Throws ShapeError when a layer cannot train on N samples of the shape built for.
  void check_training(int64_t N) const {
    for (const auto& node : nodes_) node.layer->check_training(N);
  }

  /// Outputs for x (N, …). The view is valid until the next call. With pass.training, backward may follow.
  View<const T> forward(View<const T> x, const Pass& pass, bool is_normalized = false);
  /// Outputs for x (N, …) in inference, into y: in pieces, so that the layers' memory does not grow with N, unless a
  /// layer has to see all of x at once. This and what follows is for the replica in an ExecutionContext.
  void infer(View<const T> x, T* y, bool is_normalized = false);
  /// How many samples of this shape, of N, inference takes at once: the micro-batch.
  int64_t micro_batch(const Shape& sample, int64_t N);
  /// Outputs in inference for so many samples that have been normalised already. The view is valid until the next call.
  View<const T> infer_normalized(View<const T> x);
  /// forward for x that has been normalised already and outlives the backward pass.
  View<const T> forward_normalized(View<const T> x, const Pass& pass);
  /// Adds to the gradients of the last training forward; returns dx, the gradient of the model's own input. `visit`
  /// gets the gradient of each node's output on the way.
  View<T> backward(View<const T> dy, const std::function<void(std::size_t node, View<const T> dy)>& visit = {});
  /// What a value was in the last forward.
  View<const T> value(std::size_t i) const;

  /// Has been changed: parameters or running statistics, by whatever is not this model's forward. A backward of a
  /// forward before that is refused.
  void parameters_changed() {
    for (GuardedMemory* memory : shared_) ++memory->changes;
  }

  /// Guards the model for a call that computes with it, `what` being its name. Any number of threads may read, that is
  /// compute in contexts of their own, or one may write.
  class AccessGuard : public nncore::AccessGuard {
   public:
    explicit AccessGuard(Model& model, const char* what, Access access = Access::write)
        : nncore::AccessGuard(what, access, &model, model.shared_) {}
  };
  /// What other models may share: the memory of layers.
  const std::vector<GuardedMemory*>& shared() const { return shared_; }

 private:
  friend class ExecutionContext<T>;
  /// The same layers as objects of their own, on the same parameters.
  explicit Model(const Model* original);

  void make_nodes();
  std::size_t expand(LayerHandle& handle, const std::string& name, std::vector<std::size_t> inputs, std::size_t place);
  std::vector<ModelNode<T>*> fresh_leaves();
  void adopt(const std::vector<ModelNode<T>*>& fresh, const std::vector<std::shared_ptr<Storage<T>>>& made);
  void place_storage();
  void point_to_storage();
  int64_t changes() const;
  View<const T> normalized(View<const T> x);
  void collect();
  std::vector<double> first_values(const Parameter<T>& parameter, const std::string& name, uint64_t seed) const;

  std::vector<Place> places_;
  std::vector<ModelNode<T>> nodes_;
  std::vector<std::size_t> value_of_;                  ///< of the input and of each place
  std::vector<std::shared_ptr<Storage<T>>> storages_;  ///< keeps the memory even when handles have moved on
  std::optional<Normalization<T>> input_;
  uint64_t seed_;
  std::optional<Shape> input_shape_;
  std::string kind_;
  std::vector<Parameter<T>*> trained_, buffers_;
  std::vector<std::string> trained_names_, buffer_names_;
  bool contiguous_ = false;
  T *flat_values_ = nullptr, *flat_grads_ = nullptr;
  int64_t n_values_ = 0;
  Shape built_for_;
  std::vector<Shape> shapes_;
  double work_ = 0;
  Buffer<T> normalized_;                     // the input as the first layers get it
  bool can_backward_ = false;
  int64_t changes_at_forward_ = 0;
  std::unique_ptr<Layerwise<T>> layerwise_;  // for the shape of the last forward
  std::unique_ptr<Inference<T>> inference_;  // for the shape last inferred
  std::vector<GuardedMemory*> shared_;
  ContextPool<T> contexts_;
};

}  // namespace nncore
