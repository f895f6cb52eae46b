/// Compares pooling on blocked pixels with plain loops over one channel after the other, and times it. Problems such as
/// pool:ih14iw14oh7ow7kh2kw2sh2sw2ph0pw0:f32.
#include "conv_problem.hpp"
#include "kernels/pool/blocked_pool.hpp"
#include "timing.hpp"

namespace nncore::check {
namespace {

/// ceil: the last window may begin in front of the last pixel and end behind the padding.
PoolShape pool(int64_t H, int64_t W, int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph, int64_t pw,
               bool ceil) {
  const auto windows = [&](int64_t size, int64_t k, int64_t stride, int64_t pad) {
    const int64_t room = size + 2 * pad - k, count = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    return room < 0 ? 0 : (count - 1) * stride >= size + pad ? count - 1 : count;
  };
  return {H, W, windows(H, kh, sh, ph), windows(W, kw, sw, pw), kh, kw, sh, sw, ph, pw};
}

PoolShape shape_of_pool(const Problem& p) {
  const PoolShape s = {p["ih"], p["iw"], p["oh"], p["ow"], p["kh"], p["kw"], p["sh"], p["sw"], p["ph"], p["pw"]};
  if (s.sh < 1 || s.sw < 1 || s.kh <= s.ph || s.kw <= s.pw || s.OH < 1 || s.OW < 1 ||
      (s.OH - 1) * s.sh >= s.H + s.ph || (s.OW - 1) * s.sw >= s.W + s.pw)
    refuse("no shape", p.text());
  return s;
}

/// Windows of one lane of one plane: body(output, input, tap) for each tap inside, in order.
template <class Body>
void each_tap(const PoolShape& s, Body body) {
  for (int64_t oh = 0; oh < s.OH; ++oh)
    for (int64_t ow = 0; ow < s.OW; ++ow)
      for (int64_t i = 0; i < s.kh; ++i)
        for (int64_t j = 0; j < s.kw; ++j) {
          const int64_t h = oh * s.sh + i - s.ph, w = ow * s.sw + j - s.pw;
          if (h >= 0 && h < s.H && w >= 0 && w < s.W) body(oh * s.OW + ow, h * s.W + w, i * s.kw + j);
        }
}

/// Whole calls and calls row by row write the same; then each lane of each plane against plain loops.
template <class T>
int check(const Kernels<T>& kernels, const PoolShape& s) {
  constexpr int64_t planes = 3;
  const int64_t b = kernels.lanes, in = s.H * s.W, out = s.OH * s.OW;
  const BlockedPoolKernels<T>& blocked = kernels.blocked_pool;
  Guarded<T> x(planes * in * b), y(planes * out * b), dy(y.size()), dx(x.size()), mean(y.size()), mean_dx(x.size());
  Guarded<T> cut(y.size()), no_bytes(y.size());
  Guarded<uint8_t> taken(y.size()), cut_taken(y.size());
  const std::vector<T> numbers = ConvArrays<T>::random(x.size() + y.size(), 9);
  for (int64_t i = 0; i < x.size(); ++i)  // a few equal numbers, a few NaNs
    x[i] = i % 41 == 7 ? std::numeric_limits<T>::quiet_NaN()
                       : static_cast<T>(std::round(4 * numbers[static_cast<size_t>(i)]) / 4);
  for (int64_t i = 0; i < y.size(); ++i) dy[i] = numbers[static_cast<size_t>(x.size() + i)];

  blocked.max(s, planes, 0, s.OH, x.data(), y.data(), taken.data());
  blocked.max(s, planes, 0, s.OH, x.data(), no_bytes.data(), nullptr);
  for (int64_t r = 0; r < s.OH; ++r)
    blocked.max(s, planes, r, r + 1, x.data(), cut.data(), cut_taken.data());
  for (int64_t i = 0; i < y.size(); ++i)
    if (!same(cut[i], y[i]) || !same(no_bytes[i], y[i]) || cut_taken[i] != taken[i]) return fail("other numbers", i);
  blocked.max_backward(s, planes, dy.data(), taken.data(), dx.data());

  for (bool inside : {false, true}) {
    blocked.mean(s, inside, planes, 0, s.OH, x.data(), mean.data());
    for (int64_t r = 0; r < s.OH; ++r) blocked.mean(s, inside, planes, r, r + 1, x.data(), cut.data());
    blocked.mean_backward(s, inside, planes, dy.data(), mean_dx.data());
    for (int64_t plane = 0; plane < planes; ++plane)
      for (int64_t lane = 0; lane < b; ++lane) {
        const auto x_at = [&](int64_t i) { return (plane * in + i) * b + lane; };
        const auto y_at = [&](int64_t i) { return (plane * out + i) * b + lane; };
        std::vector<T> best(static_cast<size_t>(out), -std::numeric_limits<T>::infinity()), sum(best.size(), 0);
        std::vector<T> best_dx(static_cast<size_t>(in), 0), sum_dx(best_dx.size(), 0), count(best.size(), 0);
        std::vector<int64_t> tap_of(best.size()), input_of(best.size());
        each_tap(s, [&](int64_t o, int64_t i, int64_t tap) {
          const size_t at = static_cast<size_t>(o);
          const T value = x[x_at(i)];
          sum[at] += value, count[at] += 1;
          if (value > best[at] || std::isnan(value)) best[at] = value, tap_of[at] = tap, input_of[at] = i;
        });
        if (!inside)
          for (int64_t o = 0; o < out; ++o) {
            const int64_t h = o / s.OW * s.sh - s.ph, w = o % s.OW * s.sw - s.pw;
            const int64_t rows = std::min(h + s.kh, s.H + s.ph) - h, columns = std::min(w + s.kw, s.W + s.pw) - w;
            count[static_cast<size_t>(o)] = static_cast<T>(rows * columns);
          }
        each_tap(s, [&](int64_t o, int64_t i, int64_t) {
          const size_t at = static_cast<size_t>(o);
          sum_dx[static_cast<size_t>(i)] += dy[y_at(o)] / count[at];
          if (i == input_of[at]) best_dx[static_cast<size_t>(i)] += dy[y_at(o)];
        });
        for (int64_t o = 0; o < out; ++o) {
          const size_t at = static_cast<size_t>(o);
          if (!same(y[y_at(o)], best[at])) return fail("wrong maximum", y_at(o));
          if (taken[y_at(o)] != tap_of[at]) return fail("wrong place", y_at(o));
          if (!same(mean[y_at(o)], sum[at] / count[at])) return fail("wrong mean", y_at(o));
          if (!same(mean[y_at(o)], cut[y_at(o)])) return fail("other numbers", y_at(o));
        }
        for (int64_t i = 0; i < in; ++i) {
          if (dx[x_at(i)] != best_dx[static_cast<size_t>(i)]) return fail("wrong gradient of the maximum", x_at(i));
          if (mean_dx[x_at(i)] != sum_dx[static_cast<size_t>(i)]) return fail("wrong gradient of the mean", x_at(i));
        }
      }
  }
  return check_fronts(x, y, dy, dx, mean, mean_dx, cut, no_bytes, taken, cut_taken);
}

/// Pooling of 50 images of 32 channels.
template <class T>
void bench(const Kernels<T>& kernels, const Problem& p) {
  const PoolShape s = shape_of_pool(p);
  const int64_t b = kernels.lanes, planes = 50 * 32 / b, size = planes * s.H * s.W * b;
  const BlockedPoolKernels<T>& blocked = kernels.blocked_pool;
  std::vector<T> x = ConvArrays<T>::random(size, 1), y(x.size());
  std::vector<uint8_t> taken(x.size());
  const auto time = [&](auto run) { return 1e6 * time_beside_probe(kernels, 1, run).best; };
  const double max = time([&] { blocked.max(s, planes, 0, s.OH, x.data(), y.data(), taken.data()); });
  const double max_back = time([&] { blocked.max_backward(s, planes, y.data(), taken.data(), x.data()); });
  const double mean = time([&] { blocked.mean(s, false, planes, 0, s.OH, x.data(), y.data()); });
  const double mean_back = time([&] { blocked.mean_backward(s, false, planes, y.data(), x.data()); });
  std::printf("%-8s %-45s max %7.1f, backward %7.1f, mean %7.1f, backward %7.1f us\n", kernels.isa,
              p.text().c_str(), max, max_back, mean, mean_back);
}

const PoolShape kShapes[] = {
    pool(2, 2, 2, 2, 2, 2, 0, 0, false),   pool(28, 28, 2, 2, 2, 2, 0, 0, false), pool(14, 14, 2, 2, 2, 2, 0, 0, false),
    pool(7, 5, 2, 2, 2, 2, 0, 0, false),   pool(9, 8, 3, 3, 2, 2, 1, 1, false),   pool(5, 6, 3, 3, 1, 1, 1, 1, false),
    pool(4, 9, 1, 4, 3, 2, 0, 2, false),   pool(8, 8, 2, 2, 1, 1, 0, 0, false),   pool(6, 7, 2, 3, 4, 5, 1, 0, false),
    pool(16, 17, 16, 16, 1, 1, 0, 0, false), pool(3, 3, 5, 5, 2, 2, 2, 2, false), pool(1, 1, 1, 1, 1, 1, 0, 0, false),
    pool(7, 5, 2, 2, 2, 2, 0, 0, true),    pool(8, 10, 3, 3, 2, 2, 1, 1, true),   pool(6, 9, 3, 2, 4, 3, 1, 1, true)};

std::vector<Problem> problems(int64_t least) {
  std::vector<Problem> all;
  for (const PoolShape& s : kShapes)
    if (s.H >= least)
      all.push_back({"pool", {{"ih", s.H}, {"iw", s.W}, {"oh", s.OH}, {"ow", s.OW}, {"kh", s.kh}, {"kw", s.kw},
                              {"sh", s.sh}, {"sw", s.sw}, {"ph", s.ph}, {"pw", s.pw}}});
  return all;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("pool_check", argc, argv, [](const auto&) { return problems(1); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, shape_of_pool(p)); },
                    [](const auto&) { return problems(14); },
                    [](const auto& kernels, const Problem& p) { bench(kernels, p); });
}
