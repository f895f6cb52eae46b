/// Epilogue: the layers fused into a lowered one (post-ops), computed on its results while they are in cache.
#pragma once

#include <algorithm>

#include "lowering/dropout_mask.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// A function of each element, then dropout; either may be missing.
template <class T>
class Epilogue {
 public:
  /// Fuses what follows if it is one of the two; false: it is not, or there is one already.
  bool add(const Fusable<T>& next) {
    if (add_elementwise(next)) return true;
    const auto* dropout = std::get_if<const DropoutSpec*>(&next);
    if (dropout_ != nullptr || dropout == nullptr) return false;
    dropout_ = *dropout;
    return true;
  }
  /// Only a function of each element: for results in another order than the elements of the batch, whose indices choose
  /// the mask.
  bool add_elementwise(const Fusable<T>& next) {
    const auto* f = std::get_if<Elementwise<T>>(&next);
    if (f_ || dropout_ != nullptr || f == nullptr) return false;
    f_ = *f;
    return true;
  }

  explicit operator bool() const { return f_ || dropout_; }
  /// Is the derivative taken from the function's input?
  bool from_x() const { return f_ && f_.from_x; }
  /// The share of the results that is dropped; known from begin() on.
  double dropped() const { return dropout_ ? mask_.dropped() : 0; }
  /// n results as dropout leaves them.
  void drop(int64_t n, T* y) const { mask_.apply(0, n, y, y); }
  /// Before the first of a batch of n results.
  void begin(int64_t n, const Pass& pass) {
    if (dropout_) mask_ = DropoutMask<T>(*dropout_, pass);
    if (keeps()) kept_.reserve(n);
  }
  /// Results first, first + 1, … of the batch, n of them.
  void forward(int64_t first, int64_t n, T* y) {
    if (from_x()) std::copy_n(y, n, kept_.data() + first);
    if (f_) f_.forward(n, f_.a, y, y);
    if (keeps() && !f_.from_x) std::copy_n(y, n, kept_.data() + first);
    if (dropout_) mask_.apply(first, n, y, y);
  }
  /// dy becomes the gradient of what the lowered layer alone computed.
  void backward(int64_t n, const T* y, T* dy) const {
    const T* const kept = keeps() ? kept_.data() : y;
    parallel_for((n + kPiece - 1) / kPiece, 4.0 * static_cast<double>(n), [&](int64_t piece) {
      const int64_t first = piece * kPiece, count = std::min(kPiece, n - first);
      if (dropout_) mask_.apply(first, count, dy + first, dy + first);
      if (f_) f_.backward(count, f_.a, kept + first, dy + first, dy + first);
    });
  }

 private:
  static constexpr int64_t kPiece = 1 << 14;

  /// Must a copy be kept for the derivative?
  bool keeps() const { return f_ && (f_.from_x || dropout_ != nullptr); }

  Elementwise<T> f_;
  const DropoutSpec* dropout_ = nullptr;
  DropoutMask<T> mask_;
  Buffer<T> kept_;
};

}  // namespace nncore
