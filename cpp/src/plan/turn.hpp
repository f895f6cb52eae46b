/// Turn: brings what one layer computes into the layout the next one likes.
#pragma once

#include "kernels/table.hpp"
#include "nncore/layer.hpp"

namespace nncore {

/// How many elements N samples take in a layout, padding included.
template <class T>
int64_t elements(Layout layout, const Shape& sample, int64_t N) {
  return (layout == Layout::features ? whole_registers<T>(N) : N) * sample.size();
}

/// What a layer that runs as it stands gets to see of N samples; in other layouts it knows elements alone.
template <class T>
Shape shape_of(Layout layout, const Shape& sample, int64_t N) {
  return layout == Layout::samples ? sample.with_batch(N) : Shape{elements<T>(layout, sample, N)};
}

/// Samples by features to features by samples, with zeros for the samples that fill the last register; or back.
template <class T>
class Turn final : public Lowered<T> {
 public:
  Turn(Layout to, const Shape& sample) : to_(to), F_(sample.size()) {}

  Layout layout() const override { return to_; }
  double cost(int64_t) const override { return 0; }
  void pack(int, const T*, T*) const override {}
  void unpack(int, const T*, T*) const override {}
  void forward(int64_t N, const T* x, T* y, T* const*, const Pass&) override { turn(to_, N, x, y); }
  void backward(int64_t N, const T*, const T*, T* dy, T* dx, T* const*, GradientSink<T>&) override {
    if (dx != nullptr) turn(to_ == Layout::features ? Layout::samples : Layout::features, N, dy, dx);
  }

 private:
  void turn(Layout to, int64_t N, const T* from, T* result) const {
    const auto kernel = to == Layout::features ? kernels<T>().to_lanes : kernels<T>().from_lanes;
    kernel(N, F_, from, whole_registers<T>(N), result);
  }

  Layout to_;
  int64_t F_;
};

}  // namespace nncore
