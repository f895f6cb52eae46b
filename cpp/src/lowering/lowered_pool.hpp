/// LoweredPool: a pooling of channel-blocked images, alone or fused into the convolution that computes them.
#pragma once

#include "kernels/pool/blocked_pool.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

template <class T>
class LoweredPool : public UnaryLowered<T> {
 public:
  LoweredPool(const PoolShape& shape, int64_t C) : s_(shape), blocks_(blocks_of(C, kernels<T>().lanes)) {}

  Layout layout() const override { return Layout::channel_blocked; }
  double cost(int64_t N) const override { return static_cast<double>(N * blocks_ * s_.OH * s_.OW * s_.kh * s_.kw); }
  /// Of a batch, with the lanes beyond C.
  int64_t results(int64_t N) const { return N * blocks_ * out_size(); }
  /// Is each pixel in one window at most?
  bool non_overlapping() const { return s_.kh <= s_.sh && s_.kw <= s_.sw; }
  /// Does no window cross the border between two pieces of so many rows of the image?
  bool fits(int64_t rows) const { return rows == s_.H || (non_overlapping() && s_.ph == 0 && rows % s_.sh == 0); }

  /// Is every result an element of its window (max pooling)?
  virtual bool is_max() const { return false; }
  /// Before the first piece of a batch.
  virtual void begin(int64_t) {}
  /// Elements first, first + 1, … of the batch, n of them, are at x: whole planes, or rows of one plane that cut no
  /// window.
  void forward_rows(int64_t first, int64_t n, const T* x, T* y) {
    const int64_t row = s_.W * kernels<T>().lanes, plane = first / in_size(), planes = n / in_size();
    if (planes > 0) return rows(plane, planes, 0, s_.OH, x, y);
    const int64_t row0 = first % in_size() / row, row1 = row0 + n / row;
    rows(plane, 1, row0 / s_.sh, row1 == s_.H ? s_.OH : row1 / s_.sh, x - row0 * row, y);
  }
  void backward_planes(int64_t N, const T* dy, T* dx) const {
    each_plane(N, [&](int64_t p) { plane_backward(p, dy + p * out_size(), dx + p * in_size()); });
  }
  /// Image n of dy alone.
  void backward_image(int64_t n, const T* dy, T* dx) const {
    for (int64_t p = n * blocks_; p < (n + 1) * blocks_; ++p, dx += in_size())
      plane_backward(p, dy + p * out_size(), dx);
  }

  void forward(int64_t N, const T* x, T* y, T* const*, const Pass&) final {
    begin(N);
    each_plane(N, [&](int64_t p) { rows(p, 1, 0, s_.OH, x + p * in_size(), y); });
  }
  void backward(int64_t N, const T*, const T*, T* dy, T* dx, T* const*, GradientSink<T>&) final {
    if (dx != nullptr) backward_planes(N, dy, dx);
  }

 protected:
  int64_t in_size() const { return s_.H * s_.W * kernels<T>().lanes; }  ///< of one plane of one block
  int64_t out_size() const { return s_.OH * s_.OW * kernels<T>().lanes; }
  /// Rows row0 to row1 of the results of some planes of the batch, the first of which is at x.
  virtual void rows(int64_t plane, int64_t planes, int64_t row0, int64_t row1, const T* x, T* y) = 0;
  virtual void plane_backward(int64_t plane, const T* dy, T* dx) const = 0;

  PoolShape s_;

 private:
  template <class F>
  void each_plane(int64_t N, F f) const {
    parallel_for(N * blocks_, cost(N) * static_cast<double>(kernels<T>().lanes), f);
  }

  int64_t blocks_;
};

}  // namespace nncore
