/// Compares convolutions by Winograd's kernels with plain loops, in guarded memory.
#include "conv_problem.hpp"
#include "kernels/conv/layout.hpp"
#include "kernels/conv/winograd.hpp"

namespace nncore::check {
namespace {

/// A tile's results share their roundings: what is small for the largest sum is small for all.
template <class T>
struct Tolerance {
  int64_t kernel;
  double largest = 0;

  void see(const Exact& e) { largest = std::max(largest, e.size); }
  bool close(const Exact& e, T got) const {
    const double eps = std::numeric_limits<T>::epsilon();
    return std::fabs(static_cast<double>(got) - e.sum) <= (kernel == 3 ? 20 : 100) * eps * largest;
  }
};

template <class T>
struct Arrays {
  const Kernels<T>& kernels;
  const ConvKernels<T>& conv = kernels.conv;
  const WinogradKernels<T>& winograd = kernels.winograd;
  WinogradShape s;
  ConvArrays<T> arrays;
  int64_t b = kernels.lanes, points = s.n() * s.n(), tiles = arrays.images * s.tiles();
  int64_t K = blocks_of(s.conv.K, b), C = blocks_of(s.conv.C, b);
  Guarded<T> x, u{points * s.weights(b)};

  Arrays(const Kernels<T>& with, const Problem& p) : kernels(with), s{shape_of(p)}, arrays(p["mb"], s.conv),
        x(blocked_size(b, arrays.images, s.conv.C, s.conv.H, s.conv.W)) {
    if (s.conv.kh != s.conv.kw || (s.conv.kh != 3 && s.conv.kh != 5)) refuse("no kernel of 3x3 or 5x5", p.text());
    to_blocked(b, arrays.images, s.conv.C, s.conv.H, s.conv.W, arrays.x.data(), std::numeric_limits<T>::quiet_NaN(),
               x.data());
  }

  /// f(tiles) for ranges of at most `most` tiles.
  template <class F>
  void each_range(int64_t most, F f) const {
    for (int64_t t = 0; t < tiles; t += most) f(TileRange{t, std::min(tiles, t + most)});
  }
  ConvShape product(const TileRange& part) const {
    return {s.conv.C, 1, part.tile1 - part.tile0, s.conv.K, 1, 1, 0, 0};
  }
  int64_t point(int64_t channels, const TileRange& part) const { return s.point(channels, part.tile1 - part.tile0, b); }

  void forward(int64_t most, const T* bias, T* y) {
    each_range(most, [&](const TileRange& part) {
      Guarded<T> v(points * point(s.conv.C, part)), z(points * point(s.conv.K, part));
      winograd.input_transform(s, part, x.data(), v.data());
      for (int64_t p = 0; p < points; ++p)
        conv.forward(product(part), {1, 0, K, 0, 1}, v.data() + p * point(s.conv.C, part),
                          u.data() + p * s.weights(b), nullptr, z.data() + p * point(s.conv.K, part));
      winograd.output_transform(s, part, z.data(), bias, y);
    });
  }

  int check_forward(bool with_bias) {
    const ConvShape& c = s.conv;
    Guarded<T> w(packed_size(c, b)), bias(c.K), y(blocked_size(b, arrays.images, c.K, c.OH(), c.OW())), cut(y.size());
    kernels.conv_layout.pack_weights(c, arrays.w.data(), w.data());
    std::copy(arrays.bias.begin(), arrays.bias.end(), bias.data());
    for (int64_t k = 0; k < K; ++k) winograd.weight_transform(s, k, k + 1, w.data(), u.data());
    forward(std::max<int64_t>(tiles, 1), with_bias ? bias.data() : nullptr, y.data());
    forward(3, with_bias ? bias.data() : nullptr, cut.data());
    for (int64_t i = 0; i < y.size(); ++i)
      if (std::memcmp(&y[i], &cut[i], sizeof(T)) != 0) return fail("other bits", i);

    Tolerance<T> tolerance{c.kh};
    const auto each = [&](auto f) {
      for (int64_t n = 0; n < arrays.images; ++n)
        for (int64_t k = 0; k < K * b; ++k)
          for (int64_t h = 0; h < c.OH(); ++h)
            for (int64_t v = 0; v < c.OW(); ++v)
              f(k < c.K ? arrays.y(n, k, h, v, with_bias) : Exact{}, blocked_index(b, c.K, c.OH(), c.OW(), n, k, h, v));
    };
    int failures = 0;
    each([&](const Exact& e, int64_t) { tolerance.see(e); });
    each([&](const Exact& e, int64_t at) {
      if (failures == 0 && (e.terms == 0 ? y[at] != 0 : !tolerance.close(e, y[at]))) failures = fail("wrong sum", at);
    });
    return failures;
  }

  /// In `parts` of the batch, the sum of which is brought back.
  int check_weight_gradient(int64_t parts) {
    const ConvShape& c = s.conv;
    Guarded<T> dy(blocked_size(b, arrays.images, c.K, c.OH(), c.OW())), dw(packed_size(c, b)), sums(parts * u.size());
    to_blocked(b, arrays.images, c.K, c.OH(), c.OW(), arrays.dy.data(), T(0), dy.data());
    std::fill(sums.data(), sums.data() + sums.size(), T(0));
    int64_t calls = 0;
    each_range((tiles + 2 * parts - 1) / (2 * parts), [&](const TileRange& range) {
      Guarded<T> v(points * point(c.C, range)), z(points * point(c.K, range));
      T* const part = sums.data() + calls++ % parts * u.size();
      winograd.input_transform(s, range, x.data(), v.data());
      winograd.gradient_transform(s, range, dy.data(), z.data());
      for (int64_t p = 0; p < points; ++p)
        conv.weight_gradient(product(range), {1, 0, K, 0, C, 0, 1, true}, v.data() + p * point(c.C, range),
                                  z.data() + p * point(c.K, range), part + p * s.weights(b));
    });
    for (int64_t k = 0; k < K; ++k)
      winograd.weight_gradient_transform(s, k, k + 1, parts, u.size(), sums.data(), dw.data());

    Tolerance<T> tolerance{c.kh};
    const auto each = [&](auto f) {
      for (int64_t k = 0; k < K * b; ++k)
        for (int64_t q = 0; q < c.C; ++q)
          for (int64_t i = 0; i < c.kh; ++i)
            for (int64_t j = 0; j < c.kw; ++j)
              f(k < c.K ? arrays.dw(k, q, i, j) : Exact{}, weight_index(c, b, k, q, i, j));
    };
    int failures = 0;
    each([&](const Exact& e, int64_t) { tolerance.see(e); });
    each([&](const Exact& e, int64_t at) {
      if (failures == 0 && (e.terms == 0 ? dw[at] != 0 : !tolerance.close(e, dw[at]))) failures = fail("wrong sum", at);
    });
    return failures;
  }
};

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  Arrays<T> arrays(kernels, p);
  if (p.kernel == "bwd_w") return arrays.check_weight_gradient(1) + arrays.check_weight_gradient(3);
  return arrays.check_forward(true) + arrays.check_forward(false);
}

/// Images that tiles fill, that they do not, smaller than one, cropped, and far inside their padding.
std::vector<Problem> all_problems() {
  const ConvShape shapes[] = {// C, H, W, K, kh, kw, ph, pw
                              {1, 8, 8, 1, 3, 3, 1, 1},   {17, 9, 6, 20, 3, 3, 1, 1}, {5, 3, 4, 33, 3, 3, 0, 1},
                              {16, 1, 2, 3, 3, 3, 1, 1},  {4, 7, 13, 9, 3, 3, -1, 2}, {16, 14, 14, 18, 5, 5, 2, 2},
                              {3, 5, 11, 17, 5, 5, 0, 4}, {33, 6, 7, 5, 5, 5, 2, 2},  {7, 12, 9, 8, 5, 5, -1, 7},
                              {32, 4, 4, 16, 5, 5, 2, 2}};
  std::vector<Problem> problems = {conv_problem("bwd_w", 0, shapes[0])};
  for (const char* kernel : {"fwd", "bwd_w"})
    for (const ConvShape& s : shapes) problems.push_back(conv_problem(kernel, 2, s));
  return problems;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("winograd_check", argc, argv, [](const auto&) { return all_problems(); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
