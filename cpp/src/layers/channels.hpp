/// What normalisations share: work cut by channels, and the mean and variance of each.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/table.hpp"
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
    each([&](int64_t c, int64_t n) { kernels<T>().channel_sums(N, n, L, C * L, x + c * L, out + c); });
  }
  template <class T>
  void products(const T* a, const T* x, const double* center, double* out) const {
    each([&](int64_t c, int64_t n) {
      kernels<T>().channel_products(N, n, L, C * L, a + c * L, x + c * L, center + c, out + c);
    });
  }
  /// Mean and (biased) variance, in two passes: the squares are of x - mean.
  template <class T>
  void moments(const T* x, double* mean, double* variance) const {
    const auto size = static_cast<double>(count());
    each([&](int64_t c, int64_t n) {
      kernels<T>().channel_sums(N, n, L, C * L, x + c * L, mean + c);
      for (int64_t i = c; i < c + n; ++i) mean[i] /= size;
      kernels<T>().channel_squares(N, n, L, C * L, x + c * L, mean + c, variance + c);
      for (int64_t i = c; i < c + n; ++i) variance[i] /= size;
    });
  }
  /// y = (x - center) scale + shift.
  template <class T>
  void affine(const T* x, const T* center, const T* scale, const T* shift, T* y) const {
    each([&](int64_t c, int64_t n) {
      kernels<T>().channel_affine(N, n, L, C * L, x + c * L, center + c, scale + c, shift + c, y + c * L);
    });
  }
  /// dx = scale (dy - level - slope (x - center)).
  template <class T>
  void gradient(const T* x, const T* dy, const T* center, const T* scale, const T* slope, const T* level, T* dx) const {
    each([&](int64_t c, int64_t n) {
      kernels<T>().channel_gradient(N, n, L, C * L, x + c * L, dy + c * L, center + c, scale + c, slope + c, level + c,
                                    dx + c * L);
    });
  }
};

}  // namespace nncore
