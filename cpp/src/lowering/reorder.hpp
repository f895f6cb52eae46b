/// Turn: brings what one layer computes into the layout the next one likes.
#pragma once

#include "layers/conv/blocked_conv.hpp"
#include "nncore/layer.hpp"

namespace nncore {

/// How many elements N samples take in a layout, padding included.
template <class T>
int64_t elements(Layout layout, const Shape& sample, int64_t N) {
  if (layout == Layout::features) return whole_registers<T>(N) * sample.size();
  if (layout == Layout::blocks) return N * whole_registers<T>(sample[0]) * sample[1] * sample[2];
  return N * sample.size();
}

/// What a layer that runs as it stands gets to see of N samples; in other layouts it knows elements alone.
template <class T>
Shape shape_of(Layout layout, const Shape& sample, int64_t N) {
  return layout == Layout::samples ? sample.with_batch(N) : Shape{elements<T>(layout, sample, N)};
}

/// Samples to another layout, with zeros for what fills the last register; or back.
template <class T>
class Turn final : public Lowered<T> {
 public:
  Turn(Layout from, Layout to, const Shape& sample) : from_(from), to_(to), sample_(sample) {}

  Layout layout() const override { return to_; }
  double cost(int64_t) const override { return 0; }
  void forward(int64_t N, const T* x, T* y, T* const*, const Pass&) override { turn(to_, N, x, y); }
  void backward(int64_t N, const T*, const T*, T* dy, T* dx, T* const*, GradientSink<T>&) override {
    if (dx != nullptr) turn(from_, N, dy, dx);
  }

 private:
  void turn(Layout to, int64_t N, const T* x, T* y) const {
    if (from_ == Layout::blocks || to_ == Layout::blocks) {
      return turn_blocks(to == Layout::blocks, N, sample_[0], sample_[1] * sample_[2], x, y);
    }
    const auto kernel = to == Layout::features ? kernels<T>().to_lanes : kernels<T>().from_lanes;
    kernel(N, sample_.size(), x, whole_registers<T>(N), y);
  }

  Layout from_, to_;
  Shape sample_;
};

}  // namespace nncore
