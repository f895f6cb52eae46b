/// What poolings share: where their windows lie and which outputs each tap of them reaches.
#pragma once

#include <string>
#include <vector>

#include "kernels/pool/blocked_pool.hpp"
#include "layers/conv/window.hpp"
#include "lowering/lowered_pool.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

template <class T>
class Pool : public UnaryLayer<T> {
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

  std::unique_ptr<Lowered<T>> lower(Layout layout, PropagationKind) final {
    return layout == Layout::channel_blocked ? lowered() : nullptr;
  }
  Fusable<T> fusable(PropagationKind) final {
    if (std::shared_ptr<LoweredPool<T>> pool = lowered()) return pool;
    return {};
  }

 protected:
  /// The form for channel-blocked images; null: there is none for this window.
  virtual std::unique_ptr<LoweredPool<T>> lowered() const = 0;

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
      throw ConfigError(expected("[" + name + "]", "padding",
                                 "at most half of kernel_size " + to_string(args.at("kernel_size")),
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
