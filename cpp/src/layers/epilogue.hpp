/// Epilogue: what follows a lowered layer, computed on its results while they are in cache.
#pragma once

#include <algorithm>

#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"

namespace nncore {

template <class T>
class Epilogue {
 public:
  /// Takes the layer in if it acts on each element alone.
  bool add(Layer<T>& next) {
    if (f_ || !next.elementwise()) return false;
    f_ = next.elementwise();
    return true;
  }
  explicit operator bool() const { return static_cast<bool>(f_); }
  /// Makes room for a batch of n results; before forward.
  void reserve(int64_t n) {
    if (f_.from_x) kept_.reserve(n);
  }
  /// Results first, first + 1, … of the batch, n of them.
  void forward(int64_t first, int64_t n, T* y) {
    if (!f_.from_x) return f_.forward(n, f_.a, y, y);
    T* x = kept_.data() + first;
    std::copy_n(y, n, x);
    f_.forward(n, f_.a, x, y);
  }
  /// dy becomes the gradient of what the lowered layer alone computed.
  void backward(int64_t n, const T* y, T* dy) const {
    if (f_) f_.backward(n, f_.a, f_.from_x ? kept_.data() : y, dy, dy);
  }

 private:
  Elementwise<T> f_;
  Buffer<T> kept_;
};

}  // namespace nncore
