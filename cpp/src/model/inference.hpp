/// Inference: how a model with convolutions predicts. Images stay channel-blocked from the first convolution on,
/// and convolutions take in the BatchNorm, activation and pooling after them; everything else runs as it stands.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "lowering/nodes.hpp"
#include "nncore/buffer.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
class Inference {
 public:
  Inference(Model<T>& model, const Shape& sample) : sample_(sample) {
    const auto& shapes = model.build(sample);
    out_ = shapes.back();
    NodeBuilder<T> builder(sample, Layout::batch_major);
    for (std::size_t i = 0; i < model.n_layers(); ++i) {
      Layer<T>& layer = model.layer(i);
      if (layer.dropping() != nullptr) continue;  // the identity here
      builder.add(layer, shapes[i + 1], model.trained_of(i), [&](Layout at) { return lower(layer, at); });
    }
    builder.reorder(Layout::batch_major);
    nodes_ = std::move(builder).nodes();
    largest_ = sample.size();
    for (Node<T>& node : nodes_) {
      largest_ = std::max(largest_, node.n_out(1));
      for (const std::size_t h : node.parameters) node.w.push_back(model.parameters()[h]->value);
    }
  }

  const Shape& sample() const { return sample_; }
  /// Is there a layer with a blocked form? Without one the layerwise way is as good.
  bool worthwhile() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const Node<T>& node) { return node.lowered != nullptr; });
  }
  /// Samples that are best taken at once: results stay in cache.
  int64_t micro_batch() const {
    constexpr int64_t kInCache = 1 << 19, kMinSamples = 16, kMaxSamples = 512;
    return worthwhile() ? std::clamp(kInCache / largest_, kMinSamples, kMaxSamples) : kMaxSamples;
  }

  /// Outputs for N samples that have been normalised; the view is valid until the next call.
  View<const T> run(int64_t N, const T* x) {
    for (Buffer<T>& buffer : outputs_) buffer.reserve(N * largest_);
    int to = 0;
    for (Node<T>& node : nodes_) {
      node.x = x;
      x = node.y = outputs_[to].data();
      node.forward(N, {});
      to = 1 - to;
    }
    return {x, out_.with_batch(N)};
  }

 private:
  /// The form that takes blocks or makes them. Parameters stay as they are.
  static std::unique_ptr<Lowered<T>> lower(Layer<T>& layer, Layout at) {
    auto lowered = layer.lower(at, Purpose::inference);
    const bool blocks = lowered && (at == Layout::channel_blocked || lowered->layout() == Layout::channel_blocked);
    return blocks && lowered->packing() == nullptr ? std::move(lowered) : nullptr;
  }

  Shape sample_, out_;
  int64_t largest_;
  std::vector<Node<T>> nodes_;
  Buffer<T> outputs_[2];  // in turn
};

}  // namespace nncore
