/// db[k] = sum of dy[k, p, q], channel-blocked.
#pragma once

#include "kernels/conv/conv.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace conv {
namespace {

/// Four running sums a block and image, then these sums in the order of the images.
template <class T>
void bias_gradient(const ConvShape& s, int64_t images, int64_t block0, int64_t block1, const T* dy, T* db) {
  constexpr int64_t b = Vec<T>::lanes;
  constexpr int chains = 4;
  const int64_t area = s.OH() * s.OW(), image = blocks_of(s.K, b) * area * b;
  for (int64_t k = block0; k < block1; ++k) {
    Vec<T> total = Vec<T>::zero();
    for (int64_t n = 0; n < images; ++n) {
      const T* from = dy + n * image + k * area * b;
      Vec<T> sum[chains] = {};
      int64_t i = 0;
      for (; i + chains <= area; i += chains, from += chains * b)
#pragma GCC unroll 4
        for (int j = 0; j < chains; ++j) sum[j] = sum[j] + Vec<T>::load(from + j * b);
      for (; i < area; ++i, from += b) sum[0] = sum[0] + Vec<T>::load(from);
      total = total + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    if (s.K - k * b < b) total.store(db + k * b, FirstLanes<T>(s.K - k * b));
    else total.store(db + k * b);
  }
}

}  // namespace
}  // namespace conv
}  // namespace nncore::NNCORE_ISA
