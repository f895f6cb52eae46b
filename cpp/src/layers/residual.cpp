#include <algorithm>
#include <string>

#include "kernels/reduce/reduce.hpp"
#include "lowering/epilogue.hpp"
#include "lowering/nodes.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {
namespace {

template <class T>
class Residual;

/// The planned form: a row of its own for the layers of f, and x beside it in the layout in which f ends.
template <class T>
class LoweredResidual final : public Lowered<T>, public Packing<T> {
 public:
  /// f begins at nodes[from], 1 when x is reordered first.
  LoweredResidual(Residual<T>& layer, std::vector<Node<T>> nodes, std::size_t from)
      : layer_(layer), nodes_(std::move(nodes)), from_(from), outputs_(nodes_.size()) {
    int64_t trained = 0;
    for (const Node<T>& node : nodes_) {
      if (!node.parameters.empty()) first_trained_ = std::min(first_trained_, static_cast<std::size_t>(&node - nodes_.data()));
      const Packing<T>* const packing = node.lowered ? node.lowered->packing() : nullptr;
      packs_ = packs_ || packing != nullptr;
      each_trained(node, [&](std::size_t k, const Parameter<T>& p) {
        places_.push_back({packing, static_cast<int>(k), p.shape.size(), node.lowered ? 0 : trained});
        trained += node.lowered ? 0 : p.shape.size();
      });
    }
    gradient_.reserve(trained);
  }

  const Packing<T>* packing() const override { return packs_ ? this : nullptr; }
  void pack(int i, const T* natural, T* packed) const override {
    const Place& at = places_[static_cast<std::size_t>(i)];
    if (at.packing != nullptr) return at.packing->pack(at.index, natural, packed);
    std::copy_n(natural, at.n, packed);
  }
  void unpack(int i, const T* packed, T* natural) const override {
    const Place& at = places_[static_cast<std::size_t>(i)];
    if (at.packing != nullptr) return at.packing->unpack(at.index, packed, natural);
    std::copy_n(packed, at.n, natural);
  }

  Layout layout() const override { return nodes_.back().out_layout; }
  double cost(int64_t N) const override {
    double sum = 0;
    for (const Node<T>& node : nodes_) sum += node.lowered ? node.lowered->cost(N) : 0;
    return sum;
  }
  bool fuse(Layer<T>& next) override {
    return layout() == Layout::batch_major ? after_.add(next) : after_.add_elementwise(next);
  }

  void forward(int64_t N, const T* x, T* y, T* const* w, const Pass& pass) override {
    hand_out(w);
    const T* z = x;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      Node<T>& node = nodes_[i];
      // in inference what comes out of f's layers lies in two buffers in turn
      const std::size_t buffer = pass.training || i < from_ ? i : from_ + (i - from_) % 2;
      node.x = z;
      z = node.y = outputs_[buffer].reserve(node.n_out(N));
      node.forward(N, pass);
    }
    const T* const beside = from_ == 0 ? x : nodes_[0].y;
    const int64_t n = nodes_.back().n_out(N);
    after_.begin(n, pass);
    each_piece(n, [&](int64_t first, int64_t count) {
      std::copy_n(z + first, count, y + first);
      kernels<T>().reduce.add(count, beside + first, y + first);
      if (after_) after_.forward(first, count, y + first);
    });
  }

  void backward(int64_t N, const T*, const T* y, T* dy, T* dx, T* const* w, GradientSink<T>& sink) override {
    hand_out(w);
    const int64_t n = nodes_.back().n_out(N);
    after_.backward(n, y, dy);
    T* const beside = dx != nullptr ? beside_.reserve(n) : nullptr;
    if (dx != nullptr) {
      each_piece(n, [&](int64_t first, int64_t count) { std::copy_n(dy + first, count, beside + first); });
    }
    const std::size_t end = dx != nullptr ? 0 : first_trained_;
    for (std::size_t i = nodes_.size(); i-- > end;) {
      Node<T>& node = nodes_[i];
      T* const wanted = i == end ? dx : gradients_[i % 2].reserve(node.n_in(N));
      node_backward(node, N, dy, wanted, sink);
      if (dx != nullptr && i == from_) {
        each_piece(n, [&](int64_t first, int64_t count) {
          kernels<T>().reduce.add(count, beside + first, wanted + first);
        });
      }
      dy = wanted;
    }
  }

 private:
  /// Where a parameter is: with which order, as which of its node's, in gradient_.
  struct Place {
    const Packing<T>* packing;
    int index;
    int64_t n, offset;
  };

  /// Passes on what a layer inside says of its parameters.
  class Inside final : public GradientSink<T> {
   public:
    Inside(GradientSink<T>& sink, const std::vector<std::size_t>& held) : sink_(sink), held_(held) {}
    void accept(int parameter, int64_t offset, int64_t n, T* g) override {
      sink_.accept(static_cast<int>(held_[static_cast<std::size_t>(parameter)]), offset, n, g);
    }

   private:
    GradientSink<T>& sink_;
    const std::vector<std::size_t>& held_;
  };

  /// f(k, parameter) for each but the buffers.
  template <class F>
  static void each_trained(const Node<T>& node, F f) {
    std::size_t k = 0;
    for (std::size_t i = 0; k < node.parameters.size(); ++i) {
      Parameter<T>& p = node.layer->parameters()[i];
      if (p.role != Role::buffer) f(k++, p);
    }
  }

  /// f(first, count) for pieces of n elements that stay in cache.
  template <class F>
  static void each_piece(int64_t n, F f) {
    constexpr int64_t piece = 4096;
    parallel_for((n + piece - 1) / piece, 4.0 * static_cast<double>(n), [&](int64_t i) {
      f(i * piece, std::min(piece, n - i * piece));
    });
  }

  /// Parameters as the plan holds them; layers that run as they stand find them where they look for them.
  void hand_out(T* const* w) {
    layer_.hand_out_parameters();
    for (Node<T>& node : nodes_) {
      node.w.clear();
      for (const std::size_t h : node.parameters) node.w.push_back(w[h]);
      if (node.lowered) continue;
      each_trained(node, [&](std::size_t k, Parameter<T>& p) {
        p.value = node.w[k];
        p.grad = gradient_.data() + places_[node.parameters[k]].offset;
      });
    }
  }

  void node_backward(Node<T>& node, int64_t N, T* dy, T* dx, GradientSink<T>& sink) {
    Inside inside(sink, node.parameters);
    if (node.lowered) return node.lowered->backward(N, node.x, node.y, dy, dx, node.w.data(), inside);
    for (const std::size_t h : node.parameters) std::fill_n(gradient_.data() + places_[h].offset, places_[h].n, T(0));
    node.layer->backward({dy, node.y_shape(N)}, {dx, node.x_shape(N)});
    for (std::size_t k = 0; k < node.parameters.size(); ++k) {
      const Place& at = places_[node.parameters[k]];
      inside.accept(at.index, 0, at.n, gradient_.data() + at.offset);
    }
  }

  Residual<T>& layer_;
  std::vector<Node<T>> nodes_;
  std::size_t from_, first_trained_ = SIZE_MAX;
  bool packs_ = false;
  std::vector<Place> places_;  // of each parameter
  Epilogue<T> after_;
  std::vector<Buffer<T>> outputs_;
  Buffer<T> gradients_[2], beside_;
  Buffer<T> gradient_;  // of parameters of layers that run as they stand
};

/// y = x + f(x), f the layers one after the other; dx = dy + the gradient that f's backward gives.
template <class T>
class Residual final : public Layer<T> {
 public:
  explicit Residual(const Args& args) {
    for (const auto& spec : args.get<std::vector<std::shared_ptr<const Spec>>>("layers")) {
      layers_.push_back(make<Layer<T>>(*spec));
      const std::string prefix = std::to_string(layers_.size() - 1) + ".";
      for (const auto& p : layers_.back()->parameters()) this->declare(prefix + p.name, p.shape, p.role, p.init, p.fan);
      kinds_.push_back(spec->name);
    }
    outputs_.resize(layers_.size());
  }

  std::vector<Layer<T>*> children() override {
    std::vector<Layer<T>*> out;
    for (const auto& layer : layers_) out.push_back(layer.get());
    return out;
  }

  void show_inside(const typename Layer<T>::Onlooker* onlooker) override {
    onlooker_ = onlooker;
    for (const auto& layer : layers_) layer->show_inside(onlooker);
  }

  Shape build(const Shape& in) override {
    shapes_ = {in};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layers_[i]->set_label(kinds_[i], this->name() + "." + std::to_string(i));
      shapes_.push_back(layers_[i]->build_for(this->batch(), shapes_.back()));
    }
    if (!(shapes_.back() == in)) {
      const char* N = this->batch().c_str();
      throw ShapeError(expected(this->label(), "f(x)", "x's shape " + in.str_with_batch(N),
                                shapes_.back().str_with_batch(N)));
    }
    return in;
  }

  bool user_defined() const override {
    return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->user_defined(); });
  }

  bool needs_full_batch() const override {
    return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->needs_full_batch(); });
  }

  void check_training(int64_t N) const override {
    for (const auto& layer : layers_) layer->check_training(N);
  }

  std::unique_ptr<Lowered<T>> lower(Layout layout, Purpose purpose) override {
    if (layout == Layout::feature_major || user_defined()) return nullptr;
    NodeBuilder<T> builder = nodes_of(layout, layout, purpose);
    // what comes batch-major and leaves f channel-blocked is better blocked from the start
    const bool reordered = builder.layout() != layout && builder.layout() == Layout::channel_blocked;
    if (reordered) builder = nodes_of(layout, Layout::channel_blocked, purpose);
    builder.reorder(reordered ? Layout::channel_blocked : layout);
    return std::make_unique<LoweredResidual<T>>(*this, std::move(builder).nodes(), reordered ? 1 : 0);
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    hand_out_parameters();
    View<const T> z = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Shape shape = shapes_[i + 1].with_batch(x.batch());
      const View<T> out{outputs_[i].reserve(shape.size()), shape};
      layers_[i]->forward(z, out, pass);
      if (onlooker_) (*onlooker_)(*layers_[i], out, false);
      z = out;
    }
    std::copy_n(z.data, z.size(), y.data);
    kernels<T>().reduce.add(x.size(), x.data, y.data);
  }

  void backward(View<const T> dy, View<T> dx) override {
    hand_out_parameters();
    int64_t largest = 0;
    for (const Shape& shape : shapes_) largest = std::max(largest, shape.with_batch(dy.batch()).size());
    T *from = gradients_[0].reserve(largest), *to = gradients_[1].reserve(largest);
    View<const T> dz = dy;
    for (std::size_t i = layers_.size(); i-- > 0;) {
      if (onlooker_) (*onlooker_)(*layers_[i], dz, true);
      const View<T> wanted{i == 0 ? dx.data : to, shapes_[i].with_batch(dy.batch())};
      layers_[i]->backward(dz, wanted);
      dz = wanted;
      std::swap(from, to);
    }
    if (dx.data != nullptr) kernels<T>().reduce.add(dy.size(), dy.data, dx.data);
  }

  /// The model gives memory to this layer's parameters, which are the children's.
  void hand_out_parameters() {
    auto own = this->parameters().begin();
    for (const auto& layer : layers_) {
      for (auto& p : layer->parameters()) {
        p.value = own->value;
        p.grad = own->grad;
        ++own;
      }
    }
  }

 private:
  /// f for samples that come in one layout and are reordered to another first.
  NodeBuilder<T> nodes_of(Layout from, Layout to, Purpose purpose) {
    NodeBuilder<T> builder(shapes_.front(), from);
    builder.reorder(to);
    std::size_t trained = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      std::vector<std::size_t> held;
      for (const auto& p : layers_[i]->parameters()) {
        if (p.role != Role::buffer) held.push_back(trained++);
      }
      builder.add(*layers_[i], shapes_[i + 1], std::move(held), [&](Layout at) { return layers_[i]->lower(at, purpose); });
    }
    return builder;
  }

  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<std::string> kinds_;
  std::vector<Shape> shapes_;        // [i] what layer i takes, the last what comes out
  std::vector<Buffer<T>> outputs_;
  Buffer<T> gradients_[2];
  const typename Layer<T>::Onlooker* onlooker_ = nullptr;
};

/// For the examples: defaults are filled in by whoever makes layers of them.
std::shared_ptr<const Spec> example_layer(const std::string& name, std::map<std::string, Value> args = {}) {
  return std::make_shared<const Spec>(Spec{"layer", name, Args(std::move(args)), nullptr});
}
using Layers = std::vector<std::shared_ptr<const Spec>>;
Value linear_and_tanh() {
  return Layers{example_layer("Linear", {{"in_features", 3}, {"out_features", 3}}),
                example_layer("Tanh")};
}
Value with_more_inside() {
  return Layers{example_layer("Linear", {{"in_features", 4}, {"out_features", 6}, {"bias", false}}),
                example_layer("BatchNorm1d", {{"num_features", 6}}),
                example_layer("SiLU"),
                example_layer("Linear", {{"in_features", 6}, {"out_features", 4}})};
}
Value convolutions() {
  return Layers{example_layer("BatchNorm2d", {{"num_features", 2}}),
                example_layer("SiLU"),
                example_layer("Conv2d", {{"in_channels", 2}, {"out_channels", 3},
                                         {"kernel_size", 3}, {"padding", 1}, {"bias", false}}),
                example_layer("Tanh"),
                example_layer("Conv2d", {{"in_channels", 3}, {"out_channels", 2},
                                         {"kernel_size", 1}})};
}

const auto registered_Residual =
    layer<Residual>("Residual")
        .summary("Layers with a way around them.")
        .formula("y = x + f(x), f the layers one after the other")
        .required("layers", rule::layers(), "f, any layers, Residual among them")
        .shapes("(N, *) -> (N, *), the shape that f gives has to be that of x")
        .notes("Parameters are named after the layer inside: \"1.0.weight\" is the weight of the first layer of a "
               "Residual at place \"1\". The layers given go on answering for their parameters.")
        .source("He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2016")
        .doctest(">>> nc.Residual(nc.Identity())(np.array([[1.0, 2.0]]))\narray([[2., 4.]])")
        .example({{"layers", linear_and_tanh()}}, {3})
        .example({{"layers", with_more_inside()}}, {4})
        .example({{"layers", convolutions()}}, {2, 3, 4})
        .trait("variadic");

}  // namespace
}  // namespace nncore
