/// DropoutMask: the stream of random numbers that the mask of one pass comes from, for Dropout alone and in the
/// epilogue of the layer before it. The mask itself is never stored: the kernel draws it where it applies it.
#pragma once

#include <algorithm>

#include "kernels/elementwise/dropout.hpp"
#include "nncore/layer.hpp"
#include "nncore/rng.hpp"

namespace nncore {

/// y = x / (1 - p) with probability 1 - p, else 0. Element i of the batch is kept or dropped by word i of the stream
/// of (seed, layer, epoch, step), so backward draws the mask again instead of keeping it.
template <class T>
class DropoutMask {
 public:
  DropoutMask() = default;
  DropoutMask(const DropoutSpec& spec, const Pass& pass) {
    if (!pass.training) return;
    const Stream stream(pass.seed, spec.stream, pass.epoch, pass.step);
    words_ = {{stream.key()[0], stream.key()[1]}, pass.epoch, pass.step};
    p_ = spec.p;
    least_ = static_cast<uint32_t>(std::min(p_ * 0x1p32, 0x1p32 - 1));
    scale_ = p_ < 1.0 ? static_cast<T>(1.0 / (1.0 - p_)) : T(0);
  }

  double dropped() const { return p_; }

  /// Elements first, first + 1, … of the batch, n of them; x may be y.
  void apply(int64_t first, int64_t n, const T* x, T* y) const {
    if (p_ == 1.0) {
      std::fill_n(y, n, T(0));
    } else if (p_ > 0.0) {
      kernels<T>().dropout.apply(first, n, words_, least_, scale_, x, y);
    } else if (x != y) {
      std::copy_n(x, n, y);
    }
  }

 private:
  double p_ = 0;
  RandomWords words_{};
  uint32_t least_ = 0;
  T scale_ = 1;
};

}  // namespace nncore
