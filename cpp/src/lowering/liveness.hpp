/// Liveness: arrays that are not needed at the same time share a buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace nncore {

/// An array: how many elements, and from which step to which (inclusive) it is needed.
struct Lifetime {
  int64_t size = 0;
  std::size_t first = 0, last = 0;
};

/// Which buffer each array has, and the size of each buffer.
struct SharedBuffers {
  std::vector<std::size_t> buffer_of;
  std::vector<int64_t> sizes;
};

/// An array takes the smallest free buffer that is large enough; else the largest free one grows. For a chain of layers
/// two gradients are alive at a time, and this is no more than two buffers of the largest size, used in turn.
inline SharedBuffers share_buffers(const std::vector<Lifetime>& arrays) {
  std::vector<std::size_t> order(arrays.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto earlier = [&](std::size_t a, std::size_t b) { return arrays[a].first < arrays[b].first; };
  std::stable_sort(order.begin(), order.end(), earlier);
  SharedBuffers out;
  out.buffer_of.resize(arrays.size());
  std::vector<std::size_t> busy_until;  // the last step of the array that a buffer holds
  for (const std::size_t i : order) {
    const Lifetime& array = arrays[i];
    std::size_t best = busy_until.size();
    for (std::size_t b = 0; b < busy_until.size(); ++b) {
      if (busy_until[b] >= array.first) continue;
      const auto better = [&](int64_t size, int64_t than) {
        return size >= array.size ? than < array.size || size < than : than < array.size && size > than;
      };
      if (best == busy_until.size() || better(out.sizes[b], out.sizes[best])) best = b;
    }
    if (best == busy_until.size()) {
      busy_until.push_back(0);
      out.sizes.push_back(0);
    }
    busy_until[best] = array.last;
    out.sizes[best] = std::max(out.sizes[best], array.size);
    out.buffer_of[i] = best;
  }
  return out;
}

}  // namespace nncore
