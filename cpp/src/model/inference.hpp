/// Inference: how a model with convolutions predicts. Images stay in blocks of channels from the first convolution on,
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
    Row<T> row(sample, Layout::samples);
    for (std::size_t i = 0; i < model.n_layers(); ++i) {
      Layer<T>& layer = model.layer(i);
      if (layer.dropping() != nullptr) continue;  // the identity here
      row.add(layer, shapes[i + 1], model.trained_of(i), [&](Layout at) { return lower(layer, at); });
    }
    row.turn(Layout::samples);
    nodes_ = std::move(row).nodes();
    largest_ = sample.size();
    for (Node<T>& node : nodes_) {
      largest_ = std::max(largest_, node.n_out(1));
      for (const std::size_t h : node.held) node.w.push_back(model.parameters()[h]->value);
    }
  }

  const Shape& sample() const { return sample_; }
  /// Is there a layer that likes blocks? Without one the model's own way is as good.
  bool worthwhile() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const Node<T>& node) { return node.lowered != nullptr; });
  }
  /// Samples that are best taken at once: results stay in cache.
  int64_t rows() const {
    constexpr int64_t kInCache = 1 << 19, kLeast = 16, kMost = 512;
    return worthwhile() ? std::clamp(kInCache / largest_, kLeast, kMost) : kMost;
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
    const bool blocks = lowered && (at == Layout::blocks || lowered->layout() == Layout::blocks);
    return blocks && lowered->packing() == nullptr ? std::move(lowered) : nullptr;
  }

  Shape sample_, out_;
  int64_t largest_;
  std::vector<Node<T>> nodes_;
  Buffer<T> outputs_[2];  // in turn
};

}  // namespace nncore
