/// Inference: how a model predicts. Images stay channel-blocked from the first convolution on, and convolutions fuse the
/// BatchNorm, activation and pooling after them; everything else runs as it stands. Values that are not needed at the
/// same time share memory.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "model/build_graph.hpp"
#include "nncore/buffer.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
class Inference {
 public:
  Inference(Model<T>& model, const Shape& sample) : sample_(sample), out_(model.build(sample).back()) {
    const std::vector<bool> as_is = places_as_they_stand(model);
    const auto lower = [&](std::size_t i, Layout at) {
      return as_is[model.node(i).place] ? nullptr : lowered(model.layer(i), at);
    };
    const auto does_nothing = [&](std::size_t i) { return is_dropout(model.layer(i)); };
    graph_ = build_graph(model, sample, Layout::batch_major, lower, does_nothing);
    largest_ = sample.size();
    for (Node<T>& node : graph_.nodes) {
      largest_ = std::max(largest_, graph_.size(node.output, 1));
      for (const std::size_t h : node.parameters) node.w.push_back(model.parameters()[h]->value);
    }
    share_outputs();
  }

  const Shape& sample() const { return sample_; }
  /// Samples that are best taken at once: results of convolutions stay in cache.
  int64_t micro_batch() const {
    constexpr int64_t kInCache = 1 << 19, kMinSamples = 16, kMaxSamples = 512;
    const auto is_lowered = [](const Node<T>& node) { return node.lowered != nullptr; };
    const bool blocked = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), is_lowered);
    return blocked ? std::clamp(kInCache / largest_, kMinSamples, kMaxSamples) : kMaxSamples;
  }

  /// Outputs for N samples that have been normalised; the view is valid until the next call.
  View<const T> run(int64_t N, const T* x) {
    for (std::size_t b = 0; b < buffers_.size(); ++b) buffers_[b].reserve(N * shared_.sizes[b]);
    const auto value = [&](std::size_t v) { return v == 0 ? x : buffers_[shared_.buffer_of[v - 1]].data(); };
    for (Node<T>& node : graph_.nodes) {
      for (std::size_t k = 0; k < node.inputs.size(); ++k) node.x[k] = value(node.inputs[k]);
      node.y = buffers_[shared_.buffer_of[node.output - 1]].data();
      graph_.forward(node, N, {});
    }
    return {value(graph_.output()), out_.with_batch(N)};
  }

 private:
  static bool is_dropout(Layer<T>& layer) {
    return std::holds_alternative<const DropoutSpec*>(layer.fusable(PropagationKind::inference));
  }
  /// The form that reads or writes channel-blocked images, if it needs no packed parameters.
  static std::unique_ptr<Lowered<T>> lowered(Layer<T>& layer, Layout at) {
    auto form = layer.lower(at, PropagationKind::inference);
    const bool blocks = form && (at == Layout::channel_blocked || form->layout() == Layout::channel_blocked);
    return blocks && form->packing() == nullptr ? std::move(form) : nullptr;
  }
  /// Containers with user-defined layers inside, or with one whose form packs its parameters, run as they stand.
  static std::vector<bool> places_as_they_stand(Model<T>& model) {
    std::vector<bool> out(model.places().size(), false);
    for (std::size_t i = 0; i < model.n_nodes(); ++i) {
      const auto form = model.layer(i).lower(Layout::batch_major, PropagationKind::inference);
      if (model.layer(i).user_defined() || (form && form->packing() != nullptr)) out[model.node(i).place] = true;
    }
    return out;
  }
  void share_outputs() {
    const std::vector<FlowNode> nodes = graph_.flow_nodes();
    GradientFlow none;
    none.arrays_of.resize(nodes.size());
    shared_ = share_buffers(value_lifetimes(nodes, none, [&](std::size_t value) { return graph_.size(value, 1); }));
    buffers_.resize(shared_.sizes.size());
  }

  Shape sample_, out_;
  int64_t largest_;
  Graph<T> graph_;
  SharedBuffers shared_;
  std::vector<Buffer<T>> buffers_;
};

}  // namespace nncore
