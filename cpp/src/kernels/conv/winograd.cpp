/// Convolution with fewer multiplications (Winograd): the transforms of tiles of images and of weights to values at n x
/// n points, where a convolution is one product for each point, and back. The products are those of a 1 x 1 convolution
/// (conv.hpp).
///
/// m outputs and k weights in a row are two polynomials; their product has n = m + k - 1 coefficients and is known from
/// its values at n points: 0, pairs ±p, and ∞ (the leading coefficient). Lavin and Gray, Fast algorithms for
/// convolutional neural networks, 2016. With M(x) = x Π (x² - p²), its transpose is
///
///   y = Aᵀ [(G w) ⊙ (Bᵀ d)],   A, G: values of a polynomial at the points (G: by 1 / M'(point)),
///                              Bᵀ: row of a point p: the coefficients of M(x) / (x - p), of ∞: of M(x),
///
/// in both directions of an image, m = 4. The points are those of the smallest errors among eighths (Barabasz et al.,
/// Error analysis and improving the accuracy of Winograd convolution, 2020): twice (k = 3) and five times (k = 5) those
/// of a direct convolution; the usual points for k = 3, 1 and 2, give five times.
#include "kernels/conv/winograd.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace winograd {
namespace {

template <int n>
struct Points;
template <>
struct Points<6> {
  static constexpr int pairs = 2;
  static constexpr double p[pairs] = {0.625, 1.5};
};
template <>
struct Points<8> {
  static constexpr int pairs = 3;
  static constexpr double p[pairs] = {0.5, 1, 2};
};

struct Coefficients {
  double c[4];
};
/// Π (y - p²) over the pairs but `left_out` (-1: all), ascending.
template <int n>
constexpr Coefficients product(int left_out) {
  Coefficients q = {{1}};
  for (int i = 0; i < Points<n>::pairs; ++i) {
    if (i == left_out) continue;
    const double square = Points<n>::p[i] * Points<n>::p[i];
    for (int j = 3; j >= 0; --j) q.c[j] = (j > 0 ? q.c[j - 1] : 0) - square * q.c[j];
  }
  return q;
}
template <int n>
constexpr double at(const Coefficients& q, double y) {
  double value = 0;
  for (int j = Points<n>::pairs; j >= 0; --j) value = value * y + q.c[j];
  return value;
}
/// 1 / M'(p) of a pair's points, or of 0 (-1).
template <int n>
constexpr double norm(int pair) {
  if (pair < 0) return 1 / product<n>(-1).c[0];
  const double square = Points<n>::p[pair] * Points<n>::p[pair];
  return 1 / (2 * square * at<n>(product<n>(pair), square));
}

/// sum_j q.c[j] d[2 j + first], j up to `last`, where q.c[last] is 1.
template <int last, int first, class T, int n>
NNCORE_INLINE Vec<T> combine(const Coefficients& q, const Vec<T> (&d)[n]) {
  Vec<T> sum = d[2 * last + first];
#pragma GCC unroll 4
  for (int j = last - 1; j >= 0; --j) sum = fma(Vec<T>::broadcast(static_cast<T>(q.c[j])), d[2 * j + first], sum);
  return sum;
}

/// f<i>() for every pair of points.
template <int n, int i = 0, class F>
NNCORE_INLINE void each_pair(F f) {
  if constexpr (i < Points<n>::pairs) {
    f.template operator()<i>();
    each_pair<n, i + 1>(f);
  }
}

/// Bᵀ d.
template <int n>
struct ToPoints {
  static constexpr int in = n, out = n;
  template <class T>
  NNCORE_INLINE static void apply(const Vec<T> (&d)[n], Vec<T> (&v)[n]) {
    constexpr int pairs = Points<n>::pairs;
    constexpr Coefficients all = product<n>(-1);
    v[0] = combine<pairs, 0>(all, d);
    v[n - 1] = combine<pairs, 1>(all, d);
    each_pair<n>([&]<int i>() __attribute__((always_inline)) {
      constexpr Coefficients others = product<n>(i);
      const Vec<T> even = combine<pairs - 1, 2>(others, d), odd = combine<pairs - 1, 1>(others, d);
      const Vec<T> p = Vec<T>::broadcast(static_cast<T>(Points<n>::p[i]));
      v[1 + 2 * i] = fma(p, odd, even);
      v[2 + 2 * i] = fnma(p, odd, even);
    });
  }
};

/// A g, or with norms G g: the polynomial with coefficients g at the points.
template <int n, int r, bool norms>
struct Evaluate {
  static constexpr int in = r, out = n;
  template <class T>
  NNCORE_INLINE static void apply(const Vec<T> (&g)[r], Vec<T> (&v)[n]) {
    v[0] = norms ? Vec<T>::broadcast(static_cast<T>(norm<n>(-1))) * g[0] : g[0];
    v[n - 1] = g[r - 1];
    each_pair<n>([&]<int i>() __attribute__((always_inline)) {
      constexpr double p = Points<n>::p[i], factor = norms ? norm<n>(i) : 1;
      const Vec<T> square = Vec<T>::broadcast(static_cast<T>(p * p));
      Vec<T> even = g[(r - 1) / 2 * 2], odd = g[(r - 2) / 2 * 2 + 1];
#pragma GCC unroll 4
      for (int j = (r - 1) / 2 * 2 - 2; j >= 0; j -= 2) even = fma(square, even, g[j]);
#pragma GCC unroll 4
      for (int j = (r - 2) / 2 * 2 - 1; j >= 1; j -= 2) odd = fma(square, odd, g[j]);
      if constexpr (norms) even = even * Vec<T>::broadcast(static_cast<T>(factor));
      const Vec<T> scale = Vec<T>::broadcast(static_cast<T>(p * factor));
      v[1 + 2 * i] = fma(scale, odd, even);
      v[2 + 2 * i] = fnma(scale, odd, even);
    });
  }
};

/// Aᵀ u, or with norms Gᵀ u.
template <int n, int r, bool norms>
struct Collect {
  static constexpr int in = n, out = r;
  template <class T>
  NNCORE_INLINE static void apply(const Vec<T> (&u)[n], Vec<T> (&g)[r]) {
    g[0] = norms ? Vec<T>::broadcast(static_cast<T>(norm<n>(-1))) * u[0] : u[0];
#pragma GCC unroll 8
    for (int j = 1; j < r; ++j) g[j] = Vec<T>::zero();
    each_pair<n>([&]<int i>() __attribute__((always_inline)) {
      const Vec<T> both[2] = {u[1 + 2 * i] + u[2 + 2 * i], u[1 + 2 * i] - u[2 + 2 * i]};
      double power = norms ? norm<n>(i) : 1;
#pragma GCC unroll 8
      for (int j = 0; j < r; ++j, power *= Points<n>::p[i]) {
        g[j] = fma(Vec<T>::broadcast(static_cast<T>(power)), both[j % 2], g[j]);
      }
    });
    g[r - 1] = g[r - 1] + u[n - 1];
  }
};

/// A map in both directions of a square: load(row, column) -> store(row, column, value).
template <class Map, class T, class Load, class Store>
NNCORE_INLINE void both_ways(Load load, Store store) {
  Vec<T> half[Map::out][Map::in];
  for (int j = 0; j < Map::in; ++j) {
    Vec<T> from[Map::in], to[Map::out];
#pragma GCC unroll 8
    for (int i = 0; i < Map::in; ++i) from[i] = load(i, j);
    Map::apply(from, to);
#pragma GCC unroll 8
    for (int i = 0; i < Map::out; ++i) half[i][j] = to[i];
  }
  for (int i = 0; i < Map::out; ++i) {
    Vec<T> to[Map::out];
    Map::apply(half[i], to);
#pragma GCC unroll 8
    for (int j = 0; j < Map::out; ++j) store(i, j, to[j]);
  }
}

/// A plane of pixels of one block, and a square of it with its corner at (row, column).
template <class Pointer>
struct Square {
  Pointer pixels;
  int64_t H, W, b, row, column;

  NNCORE_INLINE bool inside(int size) const {
    return row >= 0 && column >= 0 && row + size <= H && column + size <= W;
  }
  NNCORE_INLINE bool has(int64_t i, int64_t j) const {
    return row + i >= 0 && row + i < H && column + j >= 0 && column + j < W;
  }
  NNCORE_INLINE Pointer at(int64_t i, int64_t j) const { return pixels + ((row + i) * W + column + j) * b; }
};

/// The square of tile t, `size` apart, in block `block` of `blocks`.
template <class Pointer>
NNCORE_INLINE Square<Pointer> square_of(const WinogradShape& s, Pointer all, int64_t b, int64_t H, int64_t W,
                                        int64_t blocks, int64_t block, int64_t t, int64_t up, int64_t left) {
  const int64_t image = t / s.tiles(), tile = t % s.tiles(), m = s.m;
  return {all + (image * blocks + block) * H * W * b, H, W, b, tile / s.columns() * m - up,
          tile % s.columns() * m - left};
}

/// Squares of pixels into values at points, with zeros outside the image. Each square of a plane prefetches a part of
/// the next plane.
template <class Map, class T>
NNCORE_INLINE void forward_transform(const WinogradShape& s, const TileRange& part, int64_t C, int64_t H, int64_t W,
                                     int64_t up, int64_t left, const T* x, T* v) {
  constexpr int64_t b = Vec<T>::lanes;
  const int64_t blocks = blocks_of(C, b), count = part.tile1 - part.tile0, step = s.point(C, count, b);
  for (int64_t c = 0; c < blocks; ++c)
    for (int64_t t = part.tile0; t < part.tile1; ++t) {
      const auto from = square_of(s, x, b, H, W, blocks, c, t, up, left);
      T* const to = v + (c * count + t - part.tile0) * b;
      const int64_t tile = t % s.tiles(), next = H * W + tile * H * W / s.tiles();
      for (int64_t pixel = next; pixel < next + (H * W + s.tiles() - 1) / s.tiles(); ++pixel) {
        __builtin_prefetch(from.pixels + pixel * b);
      }
      const auto load = [=](int i, int j) __attribute__((always_inline)) { return Vec<T>::load(from.at(i, j)); };
      const auto load_inside = [=](int i, int j) __attribute__((always_inline)) {
        return from.has(i, j) ? load(i, j) : Vec<T>::zero();
      };
      const auto store = [=](int i, int j, Vec<T> value) __attribute__((always_inline)) {
        value.store(to + (i * Map::out + j) * step);
      };
      if (from.inside(Map::in)) both_ways<Map, T>(load, store);
      else both_ways<Map, T>(load_inside, store);
    }
}

template <class Map, class T>
NNCORE_INLINE void inverse_transform(const WinogradShape& s, const TileRange& part, const T* v, const T* bias, T* y) {
  constexpr int64_t b = Vec<T>::lanes;
  const ConvShape& conv = s.conv;
  const int64_t blocks = blocks_of(conv.K, b), count = part.tile1 - part.tile0, step = s.point(conv.K, count, b);
  for (int64_t k = 0; k < blocks; ++k) {
    const int64_t left = conv.K - k * b;
    Vec<T> shift = Vec<T>::zero();
    if (bias) shift = left < b ? Vec<T>::load(bias + k * b, FirstLanes<T>(left)) : Vec<T>::load(bias + k * b);
    for (int64_t t = part.tile0; t < part.tile1; ++t) {
      const auto to = square_of(s, y, b, conv.OH(), conv.OW(), blocks, k, t, 0, 0);
      const T* const from = v + (k * count + t - part.tile0) * b;
      const auto load = [=](int i, int j) __attribute__((always_inline)) {
        return Vec<T>::load(from + (i * Map::in + j) * step);
      };
      const auto store = [=](int i, int j, Vec<T> value) __attribute__((always_inline)) {
        if (to.has(i, j)) (value + shift).store(to.at(i, j));
      };
      both_ways<Map, T>(load, store);
    }
  }
}

/// visit(packed weight of the first tap, taps apart, where its values at the points go).
template <class T, class Visit>
NNCORE_INLINE void each_weight(const ConvShape& s, int64_t block0, int64_t block1, Visit visit) {
  constexpr int64_t b = Vec<T>::lanes;
  for (int64_t k = block0; k < block1; ++k)
    for (int64_t first = 0; first < s.C; first += b) {
      const int64_t channels = s.C - first < b ? s.C - first : b;
      for (int64_t c = 0; c < channels; ++c)
        visit(((k * s.C + first) * s.kh * s.kw + c) * b, channels * b, (k * s.C + first + c) * b);
    }
}

template <class Map, class T>
NNCORE_INLINE void weights(const WinogradShape& s, int64_t block0, int64_t block1, const T* w, T* u) {
  const int64_t step = s.weights(Vec<T>::lanes);
  each_weight<T>(s.conv, block0, block1, [=](int64_t from, int64_t tap, int64_t to) __attribute__((always_inline)) {
    const auto load = [=](int i, int j) __attribute__((always_inline)) {
      return Vec<T>::load(w + from + (i * Map::in + j) * tap);
    };
    const auto store = [=](int i, int j, Vec<T> value) __attribute__((always_inline)) {
      value.store(u + to + (i * Map::out + j) * step);
    };
    both_ways<Map, T>(load, store);
  });
}

/// The sum of `parts` arrays, `part` apart, as the gradient of packed weights.
template <class Map, class T>
NNCORE_INLINE void weight_gradient(const WinogradShape& s, int64_t block0, int64_t block1, int64_t parts, int64_t part,
                                   const T* u, T* dw) {
  const int64_t step = s.weights(Vec<T>::lanes);
  each_weight<T>(s.conv, block0, block1, [=](int64_t to, int64_t tap, int64_t from) __attribute__((always_inline)) {
    const auto load = [=](int i, int j) __attribute__((always_inline)) {
      const T* at = u + from + (i * Map::in + j) * step;
      Vec<T> sum = Vec<T>::load(at);
      for (int64_t p = 1; p < parts; ++p) sum = sum + Vec<T>::load(at + p * part);
      return sum;
    };
    const auto store = [=](int i, int j, Vec<T> value) __attribute__((always_inline)) {
      value.store(dw + to + (i * Map::out + j) * tap);
    };
    both_ways<Map, T>(load, store);
  });
}

/// f<n>() for the kernel size in use.
template <class F>
NNCORE_INLINE void for_size(const WinogradShape& s, F f) {
  if (s.conv.kh == 3) f.template operator()<6>();
  else f.template operator()<8>();
}

template <class T>
void input_transform(const WinogradShape& s, const TileRange& part, const T* x, T* v) {
  const ConvShape& c = s.conv;
  for_size(s, [&]<int n>() { forward_transform<ToPoints<n>>(s, part, c.C, c.H, c.W, c.ph, c.pw, x, v); });
}
template <class T>
void gradient_transform(const WinogradShape& s, const TileRange& part, const T* dy, T* v) {
  const ConvShape& c = s.conv;
  for_size(s, [&]<int n>() { forward_transform<Evaluate<n, 4, false>>(s, part, c.K, c.OH(), c.OW(), 0, 0, dy, v); });
}
template <class T>
void output_transform(const WinogradShape& s, const TileRange& part, const T* v, const T* bias, T* y) {
  for_size(s, [&]<int n>() { inverse_transform<Collect<n, 4, false>>(s, part, v, bias, y); });
}
template <class T>
void weight_transform(const WinogradShape& s, int64_t block0, int64_t block1, const T* w, T* u) {
  for_size(s, [&]<int n>() { weights<Evaluate<n, n - 3, true>>(s, block0, block1, w, u); });
}
template <class T>
void weight_gradient_transform(const WinogradShape& s, int64_t block0, int64_t block1, int64_t parts, int64_t part,
                               const T* u, T* dw) {
  for_size(s, [&]<int n>() { weight_gradient<Collect<n, n - 3, true>>(s, block0, block1, parts, part, u, dw); });
}


template <class T>
constexpr WinogradKernels<T> table() {
  return {
      .input_transform = input_transform<T>,
      .gradient_transform = gradient_transform<T>,
      .output_transform = output_transform<T>,
      .weight_transform = weight_transform<T>,
      .weight_gradient_transform = weight_gradient_transform<T>,
  };
}

}  // namespace
}  // namespace winograd

constinit const WinogradKernels<float> kWinogradF32 = winograd::table<float>();
constinit const WinogradKernels<double> kWinogradF64 = winograd::table<double>();

}  // namespace nncore::NNCORE_ISA
