/// The sum of inputs of one shape: Add, and what Residual is beside the layers inside.
#pragma once

#include <memory>
#include <string>

#include "kernels/reduce/reduce.hpp"
#include "layers/merge/merge.hpp"

namespace nncore {

template <class T>
class LoweredSum final : public LoweredMerge<T> {
 public:
  using LoweredMerge<T>::LoweredMerge;
  bool passes_gradient() const override { return true; }

 private:
  void combine(int64_t first, int64_t n, const T* const* x, T* y) const override {
    std::copy_n(x[0] + first, n, y);
    for (std::size_t k = 1; k < this->inputs_; ++k) kernels<T>().reduce.add(n, x[k] + first, y);
  }
  void gradient(std::size_t, int64_t, int64_t n, const T* const*, const T* dy, T* dx) const override {
    std::copy_n(dy, n, dx);
  }
};

/// y = x0 + x1 + …, added in that order; each dx = dy.
template <class T>
class Sum : public Layer<T> {
 public:
  Shape build_from(std::span<const Shape> in) override {
    for (const Shape& shape : in) {
      if (shape == in[0]) continue;
      const std::string first = in[0].str_with_batch(this->batch().c_str());
      input_error(*this, this->batch(), "the shape of the first input " + first, shape);
    }
    inputs_ = in.size();
    return sample_ = in[0];
  }

  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) override {
    if (layout == Layout::feature_major) return nullptr;
    return std::make_unique<LoweredSum<T>>(inputs_, layout, sample_);
  }

  void forward_from(std::span<const View<const T>> x, View<T> y, const Pass&) override {
    each_tile(y.size(), [&](int64_t first, int64_t count) {
      std::copy_n(x[0].data + first, count, y.data + first);
      for (std::size_t k = 1; k < x.size(); ++k) kernels<T>().reduce.add(count, x[k].data + first, y.data + first);
    });
  }
  void backward_to(View<const T> dy, std::span<const View<T>> dx) override {
    for (const View<T>& one : dx) {
      if (one.data != nullptr && one.data != dy.data) std::copy_n(dy.data, dy.size(), one.data);
    }
  }
  bool passes_gradient() const override { return true; }

 private:
  std::size_t inputs_ = 1;
  Shape sample_;
};

}  // namespace nncore
