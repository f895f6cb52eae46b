/// Reorder: converts an array of samples from one layout to another.
#pragma once

#include "kernels/conv/layout.hpp"
#include "kernels/gemm/feature_major.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// How many elements N samples take in a layout, padding included.
template <class T>
int64_t elements(Layout layout, const Shape& sample, int64_t N) {
  if (layout == Layout::feature_major) return whole_registers<T>(N) * sample.size();
  if (layout == Layout::channel_blocked) return N * whole_registers<T>(sample[0]) * sample[1] * sample[2];
  return N * sample.size();
}

/// The shape of N samples for a layer that runs as it stands; layouts other than batch_major are one row of elements.
template <class T>
Shape shape_of(Layout layout, const Shape& sample, int64_t N) {
  return layout == Layout::batch_major ? sample.with_batch(N) : Shape{elements<T>(layout, sample, N)};
}

/// N images of C channels of L pixels from batch-major to channel-blocked, or back.
template <class T>
void reorder_blocks(bool to_blocks, int64_t N, int64_t C, int64_t L, const T* from, T* to) {
  const auto kernel = to_blocks ? kernels<T>().conv_layout.to_blocked : kernels<T>().conv_layout.from_blocked;
  const int64_t blocked = blocks_of(C, kernels<T>().lanes) * kernels<T>().lanes * L, natural = C * L;
  parallel_for(N, 2.0 * static_cast<double>(N) * static_cast<double>(blocked), [&](int64_t n) {
    kernel(1, C, L, from + n * (to_blocks ? natural : blocked), to + n * (to_blocks ? blocked : natural));
  });
}

/// From batch-major to another layout, with zeros for what fills the last register; or back.
template <class T>
class Reorder final : public UnaryLowered<T> {
 public:
  Reorder(Layout from, Layout to, const Shape& sample) : from_(from), to_(to), sample_(sample) {}

  Layout layout() const override { return to_; }
  double cost(int64_t) const override { return 0; }
  void forward(int64_t N, const T* x, T* y, T* const*, const Pass&) override { reorder(to_, N, x, y); }
  void backward(int64_t N, const T*, const T*, T* dy, T* dx, T* const*, GradientSink<T>&) override {
    if (dx != nullptr) reorder(from_, N, dy, dx);
  }

 private:
  void reorder(Layout to, int64_t N, const T* x, T* y) const {
    if (from_ == Layout::channel_blocked || to_ == Layout::channel_blocked) {
      return reorder_blocks(to == Layout::channel_blocked, N, sample_[0], sample_[1] * sample_[2], x, y);
    }
    const FeatureMajorKernels<T>& k = kernels<T>().feature_major;
    const auto kernel = to == Layout::feature_major ? k.to_feature_major : k.to_batch_major;
    kernel(N, sample_.size(), x, whole_registers<T>(N), y);
  }

  Layout from_, to_;
  Shape sample_;
};

}  // namespace nncore
