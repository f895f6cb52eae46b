/// What normalisations share: work cut by channels, and the mean and variance of each.
#pragma once

#include <algorithm>

#include "kernels/conv/conv.hpp"
#include "kernels/reduce/channels.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// An array (N, C, L): L numbers a sample belong to each of C channels.
struct Channels {
  int64_t N, C, L;
  int64_t count() const { return N * L; }

  /// f(c, n) for channels c … c + n - 1, in pieces that depend on the sizes alone.
  template <class F>
  void each(F f) const {
    const int64_t piece = L == 1 ? 64 : std::max(int64_t{1}, 4096 / std::max(int64_t{1}, count()));
    const double operations = 8.0 * static_cast<double>(N) * static_cast<double>(C) * static_cast<double>(L);
    parallel_for((C + piece - 1) / piece, operations, [&](int64_t i) { f(i * piece, std::min(piece, C - i * piece)); });
  }

  /// Sums of x; of a (x - center).
  template <class T>
  void sums(const T* x, double* out) const {
    each([&](int64_t c, int64_t n) { kernels<T>().channels.sums(N, n, L, C * L, x + c * L, out + c); });
  }
  template <class T>
  void products(const T* a, const T* x, const double* center, double* out) const {
    each([&](int64_t c, int64_t n) {
      kernels<T>().channels.products(N, n, L, C * L, a + c * L, x + c * L, center + c, out + c);
    });
  }
  /// Mean and (biased) variance, in two passes: the squares are of x - mean.
  template <class T>
  void moments(const T* x, double* mean, double* variance) const {
    const auto size = static_cast<double>(count());
    each([&](int64_t c, int64_t n) {
      kernels<T>().channels.sums(N, n, L, C * L, x + c * L, mean + c);
      for (int64_t i = c; i < c + n; ++i) mean[i] /= size;
      kernels<T>().channels.squares(N, n, L, C * L, x + c * L, mean + c, variance + c);
      for (int64_t i = c; i < c + n; ++i) variance[i] /= size;
    });
  }
  /// y = (x - center) scale + shift.
  template <class T>
  void affine(const T* x, const T* center, const T* scale, const T* shift, T* y) const {
    each([&](int64_t c, int64_t n) {
      kernels<T>().channels.affine(N, n, L, C * L, x + c * L, center + c, scale + c, shift + c, y + c * L);
    });
  }
  /// dx = scale (dy - level - slope (x - center)).
  template <class T>
  void gradient(const T* x, const T* dy, const T* center, const T* scale, const T* slope, const T* level, T* dx) const {
    each([&](int64_t c, int64_t n) {
      kernels<T>().channels.gradient(N, n, L, C * L, x + c * L, dy + c * L, center + c, scale + c, slope + c, level + c,
                                     dx + c * L);
    });
  }
};

/// The same array in blocks of as many channels as there are lanes (kernels/conv/conv.hpp): L rows of a block's
/// channels for each sample. What is read and written for channels has room for whole blocks.
struct BlockedChannels {
  int64_t N, C, L;
  int64_t count() const { return N * L; }

  /// f(block) for every block of channels.
  template <class T, class F>
  void each_block(F f) const {
    const int64_t b = kernels<T>().lanes, blocks = blocks_of(C, b);
    parallel_for(blocks, 8.0 * static_cast<double>(N * blocks * b * L), f);
  }
  /// f(first channel, first element) for the plane of each sample in a block.
  template <class T, class F>
  void each_plane(int64_t block, F f) const {
    const int64_t b = kernels<T>().lanes, blocks = blocks_of(C, b);
    for (int64_t n = 0; n < N; ++n) f(block * b, (n * blocks + block) * L * b);
  }
  /// out[c] = the sum over all planes of what kernel(element, first channel, sums) says of one.
  template <class T, class F>
  void add_planes(int64_t block, double* out, F kernel) const {
    const int64_t b = kernels<T>().lanes;
    std::fill_n(out + block * b, b, 0.0);
    each_plane<T>(block, [&](int64_t c, int64_t at) {
      double sums[kMaxLanes];
      kernel(at, c, sums);
      for (int64_t i = 0; i < b; ++i) out[c + i] += sums[i];
    });
  }

  template <class T>
  void sums(const T* x, double* out) const {
    const int64_t b = kernels<T>().lanes;
    each_block<T>([&](int64_t block) {
      add_planes<T>(block, out, [&](int64_t at, int64_t, double* sums) {
        kernels<T>().channels.sums(L, b, 1, b, x + at, sums);
      });
    });
  }
  template <class T>
  void products(const T* a, const T* x, const double* center, double* out) const {
    const int64_t b = kernels<T>().lanes;
    each_block<T>([&](int64_t block) {
      add_planes<T>(block, out, [&](int64_t at, int64_t c, double* sums) {
        kernels<T>().channels.products(L, b, 1, b, a + at, x + at, center + c, sums);
      });
    });
  }
  template <class T>
  void moments(const T* x, double* mean, double* variance) const {
    const int64_t b = kernels<T>().lanes;
    const auto size = static_cast<double>(count());
    sums(x, mean);
    each_block<T>([&](int64_t block) {
      for (int64_t c = block * b; c < (block + 1) * b; ++c) mean[c] /= size;
      add_planes<T>(block, variance, [&](int64_t at, int64_t c, double* sums) {
        kernels<T>().channels.squares(L, b, 1, b, x + at, mean + c, sums);
      });
      for (int64_t c = block * b; c < (block + 1) * b; ++c) variance[c] /= size;
    });
  }
  template <class T>
  void affine(const T* x, const T* center, const T* scale, const T* shift, T* y) const {
    const int64_t b = kernels<T>().lanes;
    each_block<T>([&](int64_t block) {
      each_plane<T>(block, [&](int64_t c, int64_t at) {
        kernels<T>().channels.affine(L, b, 1, b, x + at, center + c, scale + c, shift + c, y + at);
      });
    });
  }
  template <class T>
  void gradient(const T* x, const T* dy, const T* center, const T* scale, const T* slope, const T* level, T* dx) const {
    const int64_t b = kernels<T>().lanes;
    each_block<T>([&](int64_t block) {
      each_plane<T>(block, [&](int64_t c, int64_t at) {
        kernels<T>().channels.gradient(L, b, 1, b, x + at, dy + at, center + c, scale + c, slope + c, level + c,
                                       dx + at);
      });
    });
  }
};

}  // namespace nncore
