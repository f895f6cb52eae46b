/// Nodes and values: a model as it runs, layer by layer, in training or in inference. Each node is a layer in its
/// lowered form if it has one, with the layers fused into it, or a reorder between layouts.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/reduce/reduce.hpp"
#include "lowering/gradient_flow.hpp"
#include "lowering/reorder.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// An array between nodes. Value 0 is the input.
struct GraphValue {
  Shape shape;  ///< of one sample
  Layout layout;
};

template <class T>
struct Node {
  Node(Layer<T>* what, std::unique_ptr<Lowered<T>> form, std::vector<std::size_t> from, std::size_t to,
       std::vector<std::size_t> trained)
      : layer(what), lowered(std::move(form)), inputs(std::move(from)), output(to), parameters(std::move(trained)),
        x(inputs.size()), dx(inputs.size()), x_views(inputs.size()), dx_views(inputs.size()) {}

  Layer<T>* layer;                      ///< null: a reorder
  std::unique_ptr<Lowered<T>> lowered;  ///< null: the layer runs as it stands
  std::vector<std::size_t> inputs;      ///< values
  std::size_t output;
  std::vector<std::size_t> parameters;  ///< its trained ones among the model's
  bool learns = true;                   ///< not all of them are frozen
  std::vector<T*> w;               ///< where they lie
  std::vector<const T*> x;         ///< of the last forward, one for each input
  T *y = nullptr, *dy = nullptr;
  std::vector<T*> dx;                   ///< where the gradient of each input goes, or null
  struct Sum {
    const T* from;
    T* into;
    std::size_t value;
  };
  std::vector<Sum> sums;  ///< of gradients, after its backward
  std::vector<View<const T>> x_views;  ///< the same for a layer that runs as it stands
  std::vector<View<T>> dx_views;

  bool passes_gradient() const { return lowered ? lowered->passes_gradient() : layer->passes_gradient(); }
};

/// Values and the nodes that compute them, in the order in which they run: node i computes value i + 1. The last is the
/// output.
template <class T>
struct Graph {
  std::vector<GraphValue> values;
  std::vector<Node<T>> nodes;

  std::size_t output() const { return nodes.size(); }
  /// Elements of a value for N samples, padding included.
  int64_t size(std::size_t value, int64_t N) const { return elements<T>(values[value].layout, values[value].shape, N); }
  /// Their shape for a layer that runs as it stands.
  Shape shape(std::size_t value, int64_t N) const { return shape_of<T>(values[value].layout, values[value].shape, N); }

  void forward(Node<T>& node, int64_t N, const Pass& pass) const {
    if (node.lowered) return node.lowered->forward_from(N, node.x.data(), node.y, node.w.data(), pass);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) node.x_views[k] = {node.x[k], shape(node.inputs[k], N)};
    node.layer->forward_from(node.x_views, {node.y, shape(node.output, N)}, pass);
  }

  /// dy may be overwritten.
  void backward(Node<T>& node, int64_t N, GradientSink<T>& sink) const {
    if (node.lowered) {
      node.lowered->backward_to(N, node.x.data(), node.y, node.dy, node.dx.data(), node.w.data(), sink);
    } else {
      for (std::size_t k = 0; k < node.inputs.size(); ++k) node.dx_views[k] = {node.dx[k], shape(node.inputs[k], N)};
      node.layer->backward_to({node.dy, shape(node.output, N)}, node.dx_views);
    }
    for (const auto& sum : node.sums) add(size(sum.value, N), sum.from, sum.into);
  }

  /// The nodes as gradient_flow takes them.
  std::vector<FlowNode> flow_nodes() const {
    std::vector<FlowNode> out;
    for (const Node<T>& node : nodes) {
      out.push_back({node.inputs, node.output, !node.parameters.empty() && node.learns, node.passes_gradient()});
    }
    return out;
  }

 private:
  static void add(int64_t n, const T* x, T* y) {
    constexpr int64_t kTile = 4096;  // elements of a task: x and y stay in the first cache
    parallel_for((n + kTile - 1) / kTile, 4.0 * static_cast<double>(n), [&](int64_t i) {
      kernels<T>().reduce.add(std::min(kTile, n - i * kTile), x + i * kTile, y + i * kTile);
    });
  }
};

/// Makes a graph of layers as a model holds them, one after the other; numbers of the model's values map to values
/// here. An image that some layer of several inputs gets beside channel-blocked ones should be reordered where it is
/// computed, so that all its readers have it blocked: `wanted` collects such values for another attempt with them
/// `blocked`.
template <class T>
class GraphBuilder {
 public:
  /// `readers[v]`: how many nodes of the model read value v, one more for its output.
  GraphBuilder(const Shape& sample, std::vector<int> readers, std::vector<bool> blocked)
      : readers_(std::move(readers)), blocked_(std::move(blocked)) {
    graph_.values.push_back({sample, Layout::batch_major});
    map_.push_back(0);
  }

  Layout layout(std::size_t value) const { return graph_.values[map_[value]].layout; }
  /// The model's value has this layout from here on.
  void reorder(std::size_t value, Layout to) { map_[value] = reordered(map_[value], to); }
  /// Before the first layer: brings the samples to this layout, or blocks them where a reader wants that.
  void begin(Layout layout) { reorder(0, blocked_[0] ? Layout::channel_blocked : layout); }
  /// A layer of one input that is the identity here.
  void skip(std::size_t input) {
    if (readers_[input] != 1) readers_[next_] = readers_[input];
    finish(map_[input]);
  }

  /// The next layer, which computes the model's next value. lower(layout) gives the form for a layout, or null.
  /// Batch-major every layer can run as it stands, in other layouts those that act on each element alone.
  template <class F>
  void add(Layer<T>& layer, const std::vector<std::size_t>& inputs, const Shape& out,
           std::vector<std::size_t> parameters, F lower) {
    if (inputs.size() == 1 && fuse(layer, inputs[0], out)) return finish(map_[inputs[0]]);
    std::vector<std::size_t> from;
    for (const std::size_t v : inputs) from.push_back(map_[v]);
    const Layout common = common_layout(from);
    std::unique_ptr<Lowered<T>> lowered = lower(common);
    const bool everywhere = inputs.size() == 1 && layer.elementwise();
    if (lowered && common == Layout::channel_blocked) {
      for (const std::size_t v : inputs) want_blocked(v);
    }
    const Layout at = lowered || everywhere ? common : Layout::batch_major;
    for (std::size_t& v : from) v = reordered(v, at);
    if (!lowered && at != common) lowered = lower(at);
    finish(push(&layer, std::move(lowered), std::move(from), out, at, std::move(parameters)));
  }

  /// Values of the model that should be blocked where they are computed, and were not.
  const std::vector<bool>& wanted() const { return wanted_.empty() ? blocked_ : wanted_; }
  bool settled() const { return wanted_.empty(); }
  Graph<T> graph() && { return std::move(graph_); }

 private:
  bool fuse(Layer<T>& layer, std::size_t input, const Shape& out) {
    const std::size_t value = map_[input];
    if (readers_[input] != 1 || value == 0) return false;
    Node<T>& node = graph_.nodes[value - 1];
    if (!node.lowered || !node.lowered->fuse(layer)) return false;
    graph_.values[value].shape = out;
    return true;
  }
  /// channel_blocked where some input is, else the first one's.
  Layout common_layout(const std::vector<std::size_t>& from) const {
    for (const std::size_t v : from) {
      if (graph_.values[v].layout == Layout::channel_blocked) return Layout::channel_blocked;
    }
    return graph_.values[from[0]].layout;
  }
  void want_blocked(std::size_t value) {
    if (layout(value) == Layout::channel_blocked) return;
    if (wanted_.empty()) wanted_ = blocked_;
    wanted_[value] = true;
  }
  std::size_t reordered(std::size_t value, Layout to) {
    const GraphValue from = graph_.values[value];
    if (from.layout == to) return value;
    const auto known = reordered_.find({value, to});
    if (known != reordered_.end()) return known->second;
    auto reorder = std::make_unique<Reorder<T>>(from.layout, to, from.shape);
    return reordered_[{value, to}] = push(nullptr, std::move(reorder), {value}, from.shape, from.layout, {});
  }
  std::size_t push(Layer<T>* layer, std::unique_ptr<Lowered<T>> lowered, std::vector<std::size_t> inputs,
                   const Shape& out, Layout at, std::vector<std::size_t> parameters) {
    const std::size_t value = graph_.values.size();
    graph_.values.push_back({out, lowered ? lowered->layout() : at});
    graph_.nodes.emplace_back(layer, std::move(lowered), std::move(inputs), value, std::move(parameters));
    return value;
  }
  /// The model's next value is this one.
  void finish(std::size_t value) {
    map_.push_back(value);
    if (blocked_[next_]) reorder(next_, Layout::channel_blocked);
    ++next_;
  }

  std::vector<int> readers_;
  std::vector<bool> blocked_, wanted_;
  std::vector<std::size_t> map_;  // of the model's values to the graph's
  std::size_t next_ = 1;          // of the model's values
  std::map<std::pair<std::size_t, Layout>, std::size_t> reordered_;
  Graph<T> graph_;
};

}  // namespace nncore
