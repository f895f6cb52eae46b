/// What poolings share: where their windows lie and which outputs each tap of them reaches.
#pragma once

#include <string>
#include <vector>

#include "kernels/pool/blocked_pool.hpp"
#include "layers/conv/window.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

template <class T>
class Pool : public Layer<T> {
 public:
  Shape build(const Shape& in) override {
    if (in.rank() != 3 || in.size() == 0) this->shape_error("(N, C, H, W)", in, image_hint(in, 0));
    const int64_t U = window_[0].count(in[1], ceil_), V = window_[1].count(in[2], ceil_);
    if (U == 0 || V == 0) {
      const auto least = [&](std::size_t axis) { return window_[axis].kernel - 2 * window_[axis].before; };
      this->shape_error("(N, C, H, W) of at least " + pair_text(least(0), least(1)) + " pixels", in,
                        "the window is larger than the image; padding makes room");
    }
    in_ = in;
    out_ = {in[0], U, V};
    taps_.clear();
    return out_;
  }

 protected:
  /// Taps (inside the image) of one window along an axis: from … to - 1.
  struct Span {
    int64_t from, to;
    int64_t count() const { return to - from; }
  };

  Pool(const std::string& name, const Args& args) : ceil_(args.get<bool>("ceil_mode")) {
    const Value& stride = args.is_none("stride") ? args.at("kernel_size") : args.at("stride");
    const auto kernel = rows_and_columns(args.at("kernel_size")), step = rows_and_columns(stride);
    const auto padding = rows_and_columns(args.at("padding"));
    for (std::size_t axis = 0; axis < 2; ++axis) {
      window_[axis] = {kernel[axis], step[axis], 1, padding[axis], padding[axis]};
      if (padding[axis] <= kernel[axis] / 2) continue;
      throw ConfigError(expected("[" + name + "]", "padding", "at most half of kernel_size " + to_string(args.at("kernel_size")),
                                 to_string(args.at("padding"))));
    }
  }

  /// The windows as the kernels of blocked images take them.
  PoolShape pool_shape() const {
    const Window &h = window_[0], &w = window_[1];
    return {H(), W(), U(), V(), h.kernel, w.kernel, h.stride, w.stride, h.before, w.before};
  }
  int64_t H() const { return in_[1]; }
  int64_t W() const { return in_[2]; }
  int64_t U() const { return out_[1]; }
  int64_t V() const { return out_[2]; }

  /// The pixels of an axis that window i covers.
  Span covered(std::size_t axis, int64_t i) const {
    const Window& w = window_[axis];
    const int64_t first = i * w.stride - w.before;
    return {std::max(int64_t{0}, first), std::min(in_[static_cast<int>(axis) + 1], first + w.kernel)};
  }
  /// For a pass: shapes alone cost no memory. Which windows of a row see the image with their tap j; taps that none
  /// does, of windows much larger than the image, are left out.
  void prepare() {
    if (!taps_.empty()) return;
    const Window& w = window_[1];
    const auto first_from = [&](int64_t far) {  // the first window whose tap 0 is `far` behind the padding's start
      return far <= 0 ? int64_t{0} : std::min(V(), (far + w.stride - 1) / w.stride);
    };
    const int64_t j0 = std::max(int64_t{0}, w.before - (V() - 1) * w.stride), j1 = std::min(w.kernel, W() + w.before);
    for (int64_t j = j0; j < j1; ++j) {
      const int64_t from = first_from(w.before - j), to = first_from(W() + w.before - j);
      if (from < to) taps_.push_back({from * w.stride - w.before + j, from, to - from});
    }
  }

  /// f(plane) for every channel of every sample.
  template <class F>
  void each_plane(int64_t N, F f) const {
    const double taps = static_cast<double>(window_[0].kernel) * static_cast<double>(window_[1].kernel);
    parallel_for(N * in_[0], static_cast<double>(N * out_.size()) * taps, f);
  }

  /// f(first pixel, first window, windows) for the taps of a row of windows over one row of the image. In that order a
  /// window meets its pixels from the first to the last; a pixel its windows, when the last tap comes first.
  template <class F>
  void each_tap(F f) const {
    for (const Tap& tap : taps_) f(tap.pixel, tap.window, tap.count);
  }
  template <class F>
  void each_tap_from_last(F f) const {
    for (auto tap = taps_.rbegin(); tap != taps_.rend(); ++tap) f(tap->pixel, tap->window, tap->count);
  }

  std::array<Window, 2> window_;
  bool ceil_;
  Shape in_, out_;

 private:
  struct Tap {
    int64_t pixel, window, count;
  };
  std::vector<Tap> taps_;
};

/// The planned form of a pooling on blocked images, alone or behind the layer that computes them.
template <class T>
class LoweredPool : public Lowered<T> {
 public:
  LoweredPool(const PoolShape& shape, int64_t C) : s_(shape), blocks_(blocks_of(C, kernels<T>().lanes)) {}

  Layout layout() const override { return Layout::channel_blocked; }
  double cost(int64_t N) const override { return static_cast<double>(N * blocks_ * s_.OH * s_.OW * s_.kh * s_.kw); }
  /// Of a batch, with the lanes beyond C.
  int64_t results(int64_t N) const { return N * blocks_ * out_size(); }
  /// Has each pixel one window at most?
  bool apart() const { return s_.kh <= s_.sh && s_.kw <= s_.sw; }
  /// Does each piece of so many rows of the image hold its windows whole?
  bool fits(int64_t rows) const { return rows == s_.H || (apart() && s_.ph == 0 && rows % s_.sh == 0); }

  /// Is every result one of its window's numbers?
  virtual bool takes_one() const { return false; }
  /// Before the first piece of a batch.
  virtual void begin(int64_t) {}
  /// Elements first, first + 1, … of the batch, n of them, are at x: planes, or rows of one with all of each window.
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
    for (int64_t p = n * blocks_; p < (n + 1) * blocks_; ++p, dx += in_size()) plane_backward(p, dy + p * out_size(), dx);
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

/// The fields that poolings have in common.
inline Registration& pool_fields(Registration& registration) {
  return registration.required("kernel_size", rule::pair(1, kMaxWindow), "rows and columns of a window")
      .field("stride", Value(), rule::optional(rule::pair(1, kMaxWindow)),
             "pixels from one window to the next; None: kernel_size, so that windows do not overlap")
      .field("padding", 0, rule::pair(0, kMaxWindow), "pixels around the image, at most half a window")
      .field("ceil_mode", false, rule::boolean(),
             "count windows that hang over the end, too, unless they start in the padding behind");
}

}  // namespace nncore
