/// Gathered columns, convolutions of few rows and poolings against plain loops, in guarded memory: sizes around the
/// edges of registers.
#include "kernels/conv/im2col.hpp"
#include "kernels/pool/pool.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

/// A few values, so that there are ties, with NaN and infinities among them where asked for.
template <class T>
void fill(Guarded<T>& memory, unsigned seed, bool wild = false) {
  for (int64_t i = 0; i < memory.size(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    const unsigned draw = seed >> 24;
    memory[i] = static_cast<T>(static_cast<int>(draw % 9) - 4) / 4;
    if (wild && draw % 11 == 0) memory[i] = std::numeric_limits<T>::quiet_NaN();
    if (wild && draw % 13 == 0) memory[i] = (draw & 1 ? -1 : 1) * std::numeric_limits<T>::infinity();
  }
}

/// The runs of one panel: as long as the pattern says, with gaps of three between them.
template <class T>
int check_columns(const Kernels<T>& kernels, int64_t width, int64_t L, int64_t longest) {
  std::vector<Run> runs;
  int64_t far = 0;
  for (int64_t left = width; left > 0; left -= runs.back().length) {
    runs.push_back({far, std::min(left, 1 + (left * 7) % longest)});
    far += runs.back().length + 3;
  }
  std::vector<int64_t> offset;
  for (int64_t l = 0; l < L; ++l) offset.push_back((l * 5) % 11);
  Guarded<T> x(far + 11 + kernels.lanes), out(L * width + kernels.lanes - 1);
  fill(x, 3);
  kernels.im2col.pack_panel(L, width, offset.data(), static_cast<int64_t>(runs.size()), runs.data(), x.data(),
                            out.data());
  for (int64_t l = 0; l < L; ++l) {
    int64_t j = l * width;
    for (const Run& run : runs)
      for (int64_t i = 0; i < run.length; ++i, ++j)
        if (out[j] != x[offset[static_cast<std::size_t>(l)] + run.from + i]) return fail("out", j);
  }
  return check_fronts(out);
}

template <class T>
int check_correlate(const Kernels<T>& kernels, int64_t n, int64_t L) {
  std::vector<int64_t> offset;
  int64_t far = 0;
  for (int64_t l = 0; l < L; ++l) offset.push_back((l * 5) % 11), far = std::max(far, offset.back());
  Guarded<T> x(far + n), w(L), y(n);
  fill(x, 4), fill(w, 5);
  kernels.im2col.correlate(n, L, T(2), w.data(), offset.data(), x.data(), y.data());
  for (int64_t i = 0; i < n; ++i) {
    const auto term = [&](int64_t l) {
      return static_cast<long double>(w[l]) * x[offset[static_cast<std::size_t>(l)] + i];
    };
    if (!close_sum(y[i], 2, L, term)) return fail("y", i);
  }
  return check_fronts(y);
}

template <class T>
int check_pools(const Kernels<T>& kernels, int64_t n, int64_t stride) {
  const int64_t span = n == 0 ? 0 : (n - 1) * stride + 1;
  Guarded<T> x(span), best(n), plain(n), sum(n), spread(span);
  Guarded<int32_t> at(n);
  fill(x, 6, true), fill(best, 7, true);
  for (int64_t i = 0; i < n; ++i) plain[i] = best[i], at[i] = -1;
  kernels.pool.max(n, stride, x.data(), 100, best.data(), at.data());
  kernels.pool.max(n, stride, x.data(), 100, plain.data(), nullptr);
  Guarded<T> old(n);
  fill(old, 7, true);
  for (int64_t i = 0; i < n; ++i) {
    const T v = x[i * stride];
    const bool take = v > old[i] || v != v;
    if (!same(best[i], take ? v : old[i]) || !same(plain[i], best[i])) return fail("max", i);
    if (at[i] != (take ? 100 + i * stride : -1)) return fail("index of max", i);
  }
  fill(x, 8), fill(sum, 9), fill(spread, 10), fill(old, 9);
  kernels.pool.add(n, stride, x.data(), sum.data());
  for (int64_t i = 0; i < n; ++i)
    if (sum[i] != old[i] + x[i * stride]) return fail("sum", i);
  kernels.pool.scatter(n, stride, sum.data(), spread.data());
  Guarded<T> before(span);
  fill(before, 10);
  for (int64_t i = 0; i < span; ++i)
    if (spread[i] != before[i] + (i % stride == 0 ? sum[i / stride] : T(0))) return fail("spread", i);
  return check_fronts(best, at, sum, spread);
}

std::vector<Problem> problems(int64_t lanes, int64_t panel) {
  std::vector<Problem> all;
  for (int64_t width = 1; width <= panel; ++width)
    for (int64_t L : {1, 2, 9})
      for (int64_t longest : {1, 5, 28, 40}) all.push_back({"columns", {{"w", width}, {"l", L}, {"run", longest}}});
  for (int64_t n = 0; n <= 19 * lanes + 1; ++n)
    for (int64_t L : {0, 1, 2, 9}) all.push_back({"correlate", {{"n", n}, {"l", L}}});
  for (int64_t n = 0; n <= 4 * lanes + 1; ++n)
    for (int64_t stride : {1, 2, 3, 7}) all.push_back({"pool", {{"n", n}, {"s", stride}}});
  return all;
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  if (p.kernel == "columns") return check_columns(kernels, p["w"], p["l"], p["run"]);
  if (p.kernel == "correlate") return check_correlate(kernels, p["n"], p["l"]);
  return check_pools(kernels, p["n"], p["s"]);
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main(
      "image_check", argc, argv, [](const auto& kernels) { return problems(kernels.lanes, kernels.panel); },
      [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
