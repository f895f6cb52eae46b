/// Augmentation: the crop and the mirroring of each image of a batch, and the image after them.
#pragma once

#include <algorithm>

#include "nncore/rng.hpp"
#include "nncore/data.hpp"

namespace nncore {

/// How one image is moved: pixel (h, w) comes from (h + down, w + right), mirrored from (h + down, W - 1 - w + right).
struct Move {
  int64_t down = 0, right = 0;
  bool mirrored = false;
};

/// Of image n of the step's batch: words 0 to 2 of a block of its own.
inline Move move_of(const Augmentation& augmentation, const Stream& stream, int64_t n) {
  const auto words = stream.block(static_cast<uint64_t>(n));
  const int64_t p = augmentation.crop_padding;
  const auto shift = [&](uint32_t word) {  // uniform in -p … p
    return static_cast<int64_t>((uint64_t{word} * static_cast<uint64_t>(2 * p + 1)) >> 32) - p;
  };
  return {shift(words[0]), shift(words[1]), augmentation.flip && (words[2] >> 31) != 0};
}

/// planes of H x W pixels, with zeros for pixels from outside.
template <class V>
void move_image(const Move& move, int64_t planes, int64_t H, int64_t W, const V* x, V* y) {
  const int64_t w0 = std::clamp<int64_t>(-move.right, 0, W), w1 = std::clamp<int64_t>(W - move.right, 0, W);
  for (int64_t row = 0; row < planes * H; ++row, y += W) {
    const int64_t h = row % H + move.down;
    if (h < 0 || h >= H || w0 >= w1) {
      std::fill_n(y, W, V(0));
      continue;
    }
    const V* const from = x + (row / H * H + h) * W;
    if (!move.mirrored) {
      std::fill_n(y, w0, V(0));
      std::copy(from + w0 + move.right, from + w1 + move.right, y + w0);
      std::fill(y + w1, y + W, V(0));
    } else {
      for (int64_t w = 0; w < W; ++w) {
        const int64_t at = W - 1 - w + move.right;
        y[w] = at < 0 || at >= W ? V(0) : from[at];
      }
    }
  }
}

}  // namespace nncore
