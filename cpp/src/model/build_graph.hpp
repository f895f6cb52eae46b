/// build_graph: a model as nodes and values, for a plan, for inference or layer by layer.
#pragma once

#include <utility>
#include <vector>

#include "lowering/nodes.hpp"
#include "nncore/model.hpp"

namespace nncore {

/// `first`: the layout in which the first layers get their samples. lower(i, layout) gives the form of the model's node
/// i for a layout, or null; skip(i): does it pass its one input on unchanged here? The output is batch-major.
template <class T, class Lower, class Skip>
Graph<T> build_graph(Model<T>& model, const Shape& sample, Layout first, Lower lower, Skip skip) {
  const auto& shapes = model.build(sample);
  const std::size_t n = model.n_nodes();
  std::vector<int> readers(n + 1, 0);
  for (std::size_t i = 0; i < n; ++i)
    for (const std::size_t v : model.node(i).inputs) ++readers[v];
  ++readers[n];
  std::vector<bool> blocked(n + 1, false);
  for (;;) {  // ends: each round has more values blocked than the one before
    GraphBuilder<T> builder(sample, readers, blocked);
    builder.begin(first);
    for (std::size_t i = 0; i < n; ++i) {
      const auto& node = model.node(i);
      if (skip(i)) builder.skip(node.inputs[0]);
      else builder.add(*node.layer, node.inputs, shapes[i + 1], node.trained, [&](Layout at) { return lower(i, at); });
    }
    builder.reorder(n, Layout::batch_major);
    if (builder.settled()) return std::move(builder).graph();
    blocked = builder.wanted();
  }
}

}  // namespace nncore
