/// Inference: how a model with convolutions predicts. Images stay in blocks of channels from the first convolution on,
/// and each node takes in the activation after it, as in a plan; everything else runs as it stands.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "layers/turn.hpp"
#include "nncore/buffer.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
class Inference {
 public:
  Inference(Model<T>& model, const Shape& sample) : sample_(sample) {
    const auto& shapes = model.build(sample);
    largest_ = sample.size();
    for (std::size_t i = 0; i < model.n_layers(); ++i) {
      Layer<T>& layer = model.layer(i);
      if (layer.dropping() != nullptr) continue;  // the identity here
      auto lowered = lower(layer);
      if (!lowered && !layer.elementwise()) {
        turn(Layout::samples);
        lowered = lower(layer);
      }
      blocked_ = blocked_ || lowered != nullptr;
      while (lowered && i + 1 < model.n_layers() && lowered->fuse(model.layer(i + 1))) ++i;
      add(&layer, std::move(lowered), shapes[i + 1]);
    }
    turn(Layout::samples);
  }

  const Shape& sample() const { return sample_; }
  /// Is there a layer that likes blocks? Without one the model's own way is as good.
  bool worthwhile() const { return blocked_; }
  /// Samples that are best taken at once: results stay in cache.
  int64_t rows() const {
    constexpr int64_t kInCache = 1 << 19, kLeast = 16, kMost = 512;
    return blocked_ ? std::clamp(kInCache / largest_, kLeast, kMost) : kMost;
  }

  /// Outputs for N samples that have been normalised; the view is valid until the next call.
  View<const T> run(int64_t N, const T* x) {
    for (Buffer<T>& buffer : outputs_) buffer.reserve(N * largest_);
    int to = 0;
    for (Node& node : nodes_) {
      T* const y = outputs_[to].data();
      if (node.lowered) {
        std::vector<T*>& w = node.w;
        w.clear();
        if (node.layer != nullptr) {
          for (const auto& p : node.layer->parameters()) w.push_back(p.value);
        }
        node.lowered->forward(N, x, y, w.data(), {});
      } else {
        node.layer->forward({x, shape_of<T>(node.in_layout, node.in, N)}, {y, shape_of<T>(node.layout, node.out, N)}, {});
      }
      x = y;
      to = 1 - to;
    }
    return {x, out_.with_batch(N)};
  }

 private:
  struct Node {
    Layer<T>* layer;                      ///< null: a turn
    std::unique_ptr<Lowered<T>> lowered;  ///< null: the layer runs as it stands
    Shape in, out;
    Layout in_layout, layout;
    std::vector<T*> w = {};  ///< parameters, in the layer's order
  };

  /// The form that takes blocks or makes them.
  std::unique_ptr<Lowered<T>> lower(Layer<T>& layer) {
    auto lowered = layer.lower(at_);
    if (lowered && at_ == Layout::samples && lowered->layout() == Layout::samples) return nullptr;
    return lowered;
  }
  void turn(Layout to) {
    if (at_ != to) add(nullptr, std::make_unique<Turn<T>>(at_, to, out()), out());
  }
  void add(Layer<T>* layer, std::unique_ptr<Lowered<T>> lowered, const Shape& shape) {
    const Layout layout = lowered ? lowered->layout() : at_;
    nodes_.push_back({layer, std::move(lowered), out(), shape, at_, layout});
    out_ = shape;
    at_ = layout;
    largest_ = std::max(largest_, elements<T>(layout, shape, 1));
  }
  const Shape& out() const { return nodes_.empty() ? sample_ : out_; }

  Shape sample_, out_;
  Layout at_ = Layout::samples;
  bool blocked_ = false;
  int64_t largest_;
  std::vector<Node> nodes_;
  Buffer<T> outputs_[2];  // in turn
};

}  // namespace nncore
