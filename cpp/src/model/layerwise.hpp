/// Layerwise: a model run layer by layer, each as it stands, with every output kept.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "model/build_graph.hpp"
#include "nncore/buffer.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
class Layerwise {
 public:
  Layerwise(Model<T>& model, const Shape& sample)
      : sample_(sample),
        graph_(build_graph(
            model, sample, Layout::batch_major, [](std::size_t, Layout) { return std::unique_ptr<Lowered<T>>(); },
            [](std::size_t) { return false; })),
        outputs_(graph_.nodes.size()),
        values_(graph_.values.size()) {
    const auto size = [&](std::size_t value) { return graph_.values[value].shape.size(); };
    flow_ = gradient_flow(graph_.flow_nodes(), size, true);
    shared_ = share_buffers(flow_.arrays);
    gradients_.resize(shared_.sizes.size());
  }

  const Shape& sample() const { return sample_; }
  View<const T> value(std::size_t i) const { return values_[i]; }

  View<const T> forward(View<const T> x, const Pass& pass) {
    const int64_t N = x.batch();
    values_[0] = x;
    for (Node<T>& node : graph_.nodes) {
      for (std::size_t k = 0; k < node.inputs.size(); ++k) node.x[k] = values_[node.inputs[k]].data;
      View<const T>& y = values_[node.output];
      if (y.shape.rank() == 0 || y.batch() != N) y.shape = graph_.values[node.output].shape.with_batch(N);
      y.data = node.y = outputs_[node.output - 1].reserve(y.size());
      graph_.forward(node, N, pass);
    }
    return values_.back();
  }

  View<T> backward(View<const T> dy, const std::function<void(std::size_t, View<const T>)>& visit) {
    const int64_t N = dy.batch();
    for (std::size_t b = 0; b < gradients_.size(); ++b) gradients_[b].reserve(N * shared_.sizes[b]);
    const auto array = [&](std::size_t i) { return i == kNoArray ? nullptr : gradients_[shared_.buffer_of[i]].data(); };
    std::copy_n(dy.data, dy.size(), array(flow_.of_value.back()));
    NoSink sink;
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      Node<T>& node = graph_.nodes[i];
      node.dy = array(flow_.of_value[node.output]);
      for (std::size_t k = 0; k < node.inputs.size(); ++k) node.dx[k] = array(flow_.arrays_of[i][k]);
      node.sums.clear();
      for (const GradientSum& sum : flow_.sums[i]) node.sums.push_back({array(sum.from), array(sum.into), sum.value});
      if (visit) visit(i, {node.dy, values_[node.output].shape});
      graph_.backward(node, N, sink);
    }
    return {array(flow_.of_value[0]), values_[0].shape};
  }

 private:
  /// Layers that run as they stand add to the gradients themselves.
  struct NoSink final : GradientSink<T> {
    void accept(int, int64_t, int64_t, T*) override {}
  };

  Shape sample_;
  Graph<T> graph_;
  std::vector<Buffer<T>> outputs_;     // by node
  std::vector<View<const T>> values_;  // of the last forward
  GradientFlow flow_;
  SharedBuffers shared_;
  std::vector<Buffer<T>> gradients_;
};

}  // namespace nncore
