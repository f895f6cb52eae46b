/// Gathered columns, convolutions of few rows and poolings against plain loops, in guarded memory: `image_check` tries
/// sizes around the edges of registers, in every instruction set of this machine.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <limits>
#include <vector>

#include "guarded.hpp"
#include "problems.hpp"
#include "sums.hpp"

namespace nncore::check {
namespace {

struct Size {
  const char *isa, *kernel;
  int64_t n, m;
  bool f64;
} now;

int fail(const char* what, int64_t at) {
  std::printf("FAIL %s at %lld: %s %s n=%lld m=%lld %s\n", what, static_cast<long long>(at), now.isa, now.kernel,
              static_cast<long long>(now.n), static_cast<long long>(now.m), now.f64 ? "f64" : "f32");
  return 1;
}

void on_fault(int) {
  fail("access outside an array", 0);
  std::fflush(stdout);
  std::_Exit(1);
}

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

bool same(long double a, long double b) { return a == b || (a != a && b != b); }

/// The runs of one panel: as long as the pattern says, with gaps of three between them.
template <class T>
int check_columns(const Kernels<T>& kernels, int64_t width, int64_t L, int64_t longest) {
  now.kernel = "columns", now.n = width, now.m = L;
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
  kernels.columns(L, width, offset.data(), static_cast<int64_t>(runs.size()), runs.data(), x.data(), out.data());
  for (int64_t l = 0; l < L; ++l) {
    int64_t j = l * width;
    for (const Run& run : runs)
      for (int64_t i = 0; i < run.length; ++i, ++j)
        if (out[j] != x[offset[static_cast<std::size_t>(l)] + run.from + i]) return fail("out", j);
  }
  return out.intact() ? 0 : fail("write in front of the output", 0);
}

template <class T>
int check_correlate(const Kernels<T>& kernels, int64_t n, int64_t L) {
  now.kernel = "correlate", now.n = n, now.m = L;
  std::vector<int64_t> offset;
  int64_t far = 0;
  for (int64_t l = 0; l < L; ++l) offset.push_back((l * 5) % 11), far = std::max(far, offset.back());
  Guarded<T> x(far + n), w(L), y(n);
  fill(x, 4), fill(w, 5);
  kernels.correlate(n, L, T(2), w.data(), offset.data(), x.data(), y.data());
  for (int64_t i = 0; i < n; ++i) {
    const auto term = [&](int64_t l) { return static_cast<long double>(w[l]) * x[offset[static_cast<std::size_t>(l)] + i]; };
    if (!close(y[i], 2, L, term)) return fail("y", i);
  }
  return y.intact() ? 0 : fail("write in front of the output", 0);
}

template <class T>
int check_pools(const Kernels<T>& kernels, int64_t n, int64_t stride) {
  now.kernel = "pool", now.n = n, now.m = stride;
  const int64_t span = n == 0 ? 0 : (n - 1) * stride + 1;
  Guarded<T> x(span), best(n), plain(n), sum(n), spread(span);
  Guarded<int32_t> at(n);
  fill(x, 6, true), fill(best, 7, true);
  for (int64_t i = 0; i < n; ++i) plain[i] = best[i], at[i] = -1;
  kernels.pool_max(n, stride, x.data(), 100, best.data(), at.data());
  kernels.pool_max(n, stride, x.data(), 100, plain.data(), nullptr);
  Guarded<T> old(n);
  fill(old, 7, true);
  for (int64_t i = 0; i < n; ++i) {
    const T v = x[i * stride];
    const bool take = v > old[i] || v != v;
    if (!same(best[i], take ? v : old[i]) || !same(plain[i], best[i])) return fail("max", i);
    if (at[i] != (take ? 100 + i * stride : -1)) return fail("index of max", i);
  }
  fill(x, 8), fill(sum, 9), fill(spread, 10), fill(old, 9);
  kernels.pool_sum(n, stride, x.data(), sum.data());
  for (int64_t i = 0; i < n; ++i)
    if (sum[i] != old[i] + x[i * stride]) return fail("sum", i);
  kernels.pool_spread(n, stride, sum.data(), spread.data());
  Guarded<T> before(span);
  fill(before, 10);
  for (int64_t i = 0; i < span; ++i)
    if (spread[i] != before[i] + (i % stride == 0 ? sum[i / stride] : T(0))) return fail("spread", i);
  return best.intact() && at.intact() && sum.intact() && spread.intact() ? 0 : fail("write in front of the output", 0);
}

template <class T>
int check(const Set& set) {
  const Kernels<T>& kernels = set.kernels<T>();
  now = {set.isa, "", 0, 0, sizeof(T) == 8};
  int failures = 0;
  for (int64_t width = 1; width <= kernels.panel; ++width)
    for (int64_t L : {1, 2, 9})
      for (int64_t longest : {1, 5, 28, 40}) failures += check_columns(kernels, width, L, longest);
  for (int64_t n = 0; n <= 19 * kernels.lanes + 1; ++n)
    for (int64_t L : {0, 1, 2, 9}) failures += check_correlate(kernels, n, L);
  for (int64_t n = 0; n <= 4 * kernels.lanes + 1; ++n)
    for (int64_t stride : {1, 2, 3, 7}) failures += check_pools(kernels, n, stride);
  return failures;
}

}  // namespace
}  // namespace nncore::check

int main() {
  using namespace nncore::check;
  std::signal(SIGSEGV, on_fault);
  std::signal(SIGBUS, on_fault);
  int failures = 0;
  for (const Set& set : usable_sets()) failures += check<float>(set) + check<double>(set);
  std::printf("%d failures\n", failures);
  return failures ? 1 : 0;
}
