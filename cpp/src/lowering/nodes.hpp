/// Nodes: layers one after the other as they run, in training, in inference and inside Residual: each in its lowered form
/// if it has one, with the layers fused into it, and reorders between layouts.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "lowering/reorder.hpp"
#include "nncore/layer.hpp"

namespace nncore {

/// One layer, with those fused into it; or a reorder between layouts.
template <class T>
struct Node {
  Layer<T>* layer;                      ///< null: a reorder
  std::unique_ptr<Lowered<T>> lowered;  ///< null: the layer runs as it stands
  Shape in, out;                        ///< of one sample
  Layout in_layout, out_layout;
  std::vector<std::size_t> parameters;  ///< its trained ones, as whoever runs the nodes numbers them
  std::vector<T*> w = {};         ///< where they lie
  const T* x = nullptr;           ///< of the last forward
  T* y = nullptr;

  /// Elements of x and of y, for N samples.
  int64_t n_in(int64_t N) const { return elements<T>(in_layout, in, N); }
  int64_t n_out(int64_t N) const { return elements<T>(out_layout, out, N); }
  /// What a layer that runs as it stands gets to see of them.
  Shape x_shape(int64_t N) const { return shape_of<T>(in_layout, in, N); }
  Shape y_shape(int64_t N) const { return shape_of<T>(out_layout, out, N); }

  void forward(int64_t N, const Pass& pass) {
    if (lowered) return lowered->forward(N, x, y, w.data(), pass);
    layer->forward({x, x_shape(N)}, {y, y_shape(N)}, pass);
  }
};

/// Builds nodes, layer by layer.
template <class T>
class NodeBuilder {
 public:
  /// The first takes samples of this shape, in this layout.
  NodeBuilder(const Shape& sample, Layout layout) : out_(sample), at_(layout) {}

  Layout layout() const { return at_; }  ///< of what the last node computes
  void reorder(Layout to) {
    if (at_ != to) push(nullptr, std::make_unique<Reorder<T>>(at_, to, out_), out_, {});
  }
  /// lower(layout) gives the form for a layout, or null. In samples every layer can run as it stands, in other layouts
  /// those that act on each element alone.
  template <class F>
  void add(Layer<T>& layer, const Shape& out, std::vector<std::size_t> parameters, F lower) {
    if (!nodes_.empty() && nodes_.back().lowered && nodes_.back().lowered->fuse(layer)) {
      nodes_.back().out = out_ = out;
      return;
    }
    std::unique_ptr<Lowered<T>> lowered = lower(at_);
    if (!lowered && !layer.elementwise() && at_ != Layout::batch_major) {
      reorder(Layout::batch_major);
      lowered = lower(at_);
    }
    push(&layer, std::move(lowered), out, std::move(parameters));
  }
  std::vector<Node<T>> nodes() && { return std::move(nodes_); }

 private:
  void push(Layer<T>* layer, std::unique_ptr<Lowered<T>> lowered, const Shape& out, std::vector<std::size_t> parameters) {
    const Layout layout = lowered ? lowered->layout() : at_;
    nodes_.push_back({layer, std::move(lowered), out_, out, at_, layout, std::move(parameters)});
    out_ = out;
    at_ = layout;
  }

  Shape out_;
  Layout at_;
  std::vector<Node<T>> nodes_;
};

}  // namespace nncore
