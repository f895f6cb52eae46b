/// Problems of convolutions, such as fwd:mb50ic32oc64ih14iw14kh5kw5ph2pw2:f32, and the plain loops that say what is
/// right.
#pragma once

#include "kernels/conv/conv.hpp"
#include "values.hpp"

namespace nncore::check {

inline Problem conv_problem(const char* kernel, int64_t images, const ConvShape& s) {
  return {kernel, {{"mb", images}, {"ic", s.C}, {"oc", s.K}, {"ih", s.H}, {"iw", s.W}, {"kh", s.kh}, {"kw", s.kw},
                   {"ph", s.ph}, {"pw", s.pw}}};
}
inline ConvShape shape_of(const Problem& p) {
  const ConvShape s = {p["ic"], p["ih"], p["iw"], p["oc"], p["kh"], p["kw"], p["ph"], p["pw"]};
  if (std::min({s.C, s.H, s.W, s.K, s.kh, s.kw}) < 1 || std::min({p["mb"], s.OH(), s.OW()}) < 0)
    refuse("no shape", p.text());
  return s;
}

/// A sum, the sum of the absolute terms, and their number: what a rounded sum is compared with.
struct Exact {
  double sum = 0, size = 0;
  int64_t terms = 0;

  void add(double term) { sum += term, size += std::fabs(term), ++terms; }
  /// The bound of any order of the sum, and as much again for `sum` itself.
  template <class T>
  bool close(T got) const {
    const double eps = std::numeric_limits<T>::epsilon() + std::numeric_limits<double>::epsilon();
    return std::fabs(static_cast<double>(got) - sum) <= eps * static_cast<double>(terms + 1) * size;
  }
};

/// Natural arrays: x (N, C, H, W), w (K, C, kh, kw), bias (K), dy (N, K, OH, OW).
template <class T>
struct ConvArrays {
  int64_t images;
  ConvShape s;
  std::vector<T> x, w, bias, dy;

  ConvArrays(int64_t images_, const ConvShape& shape)
      : images(images_), s(shape), x(random(images * s.C * s.H * s.W, 1)), w(random(s.K * s.C * s.kh * s.kw, 2)),
        bias(random(s.K, 3)), dy(random(images * s.K * s.OH() * s.OW(), 4)) {}

  static std::vector<T> random(int64_t size, unsigned seed) {
    std::vector<T> values(static_cast<size_t>(size));
    for (T& v : values) {
      seed = seed * 1664525u + 1013904223u;
      v = static_cast<T>(static_cast<int>(seed >> 12) - (1 << 19)) / static_cast<T>(1 << 19);
    }
    return values;
  }

  double x_at(int64_t n, int64_t c, int64_t h, int64_t v) const {
    return x[static_cast<size_t>(((n * s.C + c) * s.H + h) * s.W + v)];
  }
  double w_at(int64_t k, int64_t c, int64_t i, int64_t j) const {
    return w[static_cast<size_t>(((k * s.C + c) * s.kh + i) * s.kw + j)];
  }
  double dy_at(int64_t n, int64_t k, int64_t h, int64_t v) const {
    return dy[static_cast<size_t>(((n * s.K + k) * s.OH() + h) * s.OW() + v)];
  }

  Exact y(int64_t n, int64_t k, int64_t oh, int64_t ow, bool with_bias) const {
    Exact e;
    if (with_bias) e.add(bias[static_cast<size_t>(k)]);
    for (int64_t c = 0; c < s.C; ++c)
      for (int64_t i = 0; i < s.kh; ++i)
        for (int64_t j = 0; j < s.kw; ++j) {
          const int64_t h = oh + i - s.ph, v = ow + j - s.pw;
          if (h >= 0 && h < s.H && v >= 0 && v < s.W) e.add(w_at(k, c, i, j) * x_at(n, c, h, v));
        }
    return e;
  }
  Exact dx(int64_t n, int64_t c, int64_t h, int64_t v) const {
    Exact e;
    for (int64_t k = 0; k < s.K; ++k)
      for (int64_t i = 0; i < s.kh; ++i)
        for (int64_t j = 0; j < s.kw; ++j) {
          const int64_t oh = h + s.ph - i, ow = v + s.pw - j;
          if (oh >= 0 && oh < s.OH() && ow >= 0 && ow < s.OW()) e.add(w_at(k, c, i, j) * dy_at(n, k, oh, ow));
        }
    return e;
  }
  Exact dw(int64_t k, int64_t c, int64_t i, int64_t j) const {
    Exact e;
    for (int64_t n = 0; n < images; ++n)
      for (int64_t oh = 0; oh < s.OH(); ++oh)
        for (int64_t ow = 0; ow < s.OW(); ++ow) {
          const int64_t h = oh + i - s.ph, v = ow + j - s.pw;
          if (h >= 0 && h < s.H && v >= 0 && v < s.W) e.add(dy_at(n, k, oh, ow) * x_at(n, c, h, v));
        }
    return e;
  }
  Exact db(int64_t k) const {
    Exact e;
    for (int64_t n = 0; n < images; ++n)
      for (int64_t oh = 0; oh < s.OH(); ++oh)
        for (int64_t ow = 0; ow < s.OW(); ++ow) e.add(dy_at(n, k, oh, ow));
    return e;
  }
};

/// Multiplications and additions of one product of this shape: taps inside the image alone.
inline double operations(int64_t images, const ConvShape& s) {
  const auto taps = [](int64_t size, int64_t out, int64_t k, int64_t pad) {
    int64_t count = 0;
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < k; ++i) count += o + i - pad >= 0 && o + i - pad < size;
    return static_cast<double>(count);
  };
  return 2.0 * static_cast<double>(images * s.C * s.K) * taps(s.H, s.OH(), s.kh, s.ph) *
         taps(s.W, s.OW(), s.kw, s.pw);
}

/// Where pixel (h, v) of channel c of image n lies in blocked (N, C, H, W).
inline int64_t blocked_index(int64_t b, int64_t C, int64_t H, int64_t W, int64_t n, int64_t c, int64_t h, int64_t v) {
  return (((n * blocks_of(C, b) + c / b) * H + h) * W + v) * b + c % b;
}

/// x (N, C, H, W) into `out` in blocks of b, `padding` in the lanes beyond C.
template <class T>
void to_blocked(int64_t b, int64_t N, int64_t C, int64_t H, int64_t W, const T* x, T padding, T* out) {
  for (int64_t n = 0; n < N; ++n)
    for (int64_t c = 0; c < blocks_of(C, b) * b; ++c)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t v = 0; v < W; ++v)
          out[blocked_index(b, C, H, W, n, c, h, v)] = c < C ? x[((n * C + c) * H + h) * W + v] : padding;
}

inline int64_t blocked_size(int64_t b, int64_t N, int64_t C, int64_t H, int64_t W) {
  return N * blocks_of(C, b) * b * H * W;
}

}  // namespace nncore::check
