/// What layers of several inputs share: work cut into tiles, and the lowered form of those that act element by element.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "kernels/table.hpp"
#include "lowering/epilogue.hpp"
#include "lowering/reorder.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// f(first, count) for tiles of n elements that stay in cache.
template <class F>
void each_tile(int64_t n, F f) {
  constexpr int64_t kTile = 4096;
  parallel_for((n + kTile - 1) / kTile, 4.0 * static_cast<double>(n), [&](int64_t i) {
    f(i * kTile, std::min(kTile, n - i * kTile));
  });
}

/// Throws where the inputs of a layer do not fit: what was expected of the one that does not.
template <class T>
[[noreturn]] void input_error(const Layer<T>& layer, const std::string& N, const std::string& wanted,
                              const Shape& got) {
  throw ShapeError(expected(layer.label(), "x", wanted, got.str_with_batch(N.c_str())));
}

/// Inputs of one shape, batch-major or channel-blocked, and what follows them while the results are in cache.
template <class T>
class LoweredMerge : public Lowered<T> {
 public:
  LoweredMerge(std::size_t inputs, Layout layout, const Shape& sample)
      : inputs_(inputs), layout_(layout), sample_(sample) {}

  Layout layout() const final { return layout_; }
  double cost(int64_t N) const final { return static_cast<double>(inputs_) * static_cast<double>(N * sample_.size()); }
  bool fuse(Layer<T>& next) final {
    const Fusable<T> what = next.fusable(PropagationKind::training);
    return layout_ == Layout::batch_major ? after_.add(what) : after_.add_elementwise(what);
  }

  void forward_from(int64_t N, const T* const* x, T* y, T* const*, const Pass& pass) final {
    const int64_t n = elements<T>(layout_, sample_, N);
    after_.begin(n, pass);
    each_tile(n, [&](int64_t first, int64_t count) {
      combine(first, count, x, y + first);
      if (after_) after_.forward(first, count, y + first);
    });
  }
  void backward_to(int64_t N, const T* const* x, const T* y, T* dy, T* const* dx, T* const*, GradientSink<T>&) final {
    const int64_t n = elements<T>(layout_, sample_, N);
    after_.backward(n, y, dy);
    for (std::size_t k = 0; k < inputs_; ++k) {
      if (dx[k] == nullptr || dx[k] == dy) continue;
      each_tile(n, [&](int64_t first, int64_t count) { gradient(k, first, count, x, dy + first, dx[k] + first); });
    }
  }

 protected:
  /// y from elements first, first + 1, … of each input, n of them.
  virtual void combine(int64_t first, int64_t n, const T* const* x, T* y) const = 0;
  /// The gradient of input k there.
  virtual void gradient(std::size_t k, int64_t first, int64_t n, const T* const* x, const T* dy, T* dx) const = 0;

  const std::size_t inputs_;

 private:
  Layout layout_;
  Shape sample_;
  Epilogue<T> after_;
};

}  // namespace nncore
