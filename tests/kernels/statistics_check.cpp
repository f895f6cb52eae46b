/// Summaries, squared distances and histograms against plain loops, on arrays that end at guard pages, so that they
/// begin at every alignment: ordinary numbers, some or all of them not finite, denormal ones, all equal.
#include "kernels/reduce/statistics.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

/// Numbers in [-2, 2] and what is not a number.
template <class T>
void fill(Guarded<T>& x, std::string_view content) {
  using Limits = std::numeric_limits<T>;
  Numbers numbers(static_cast<uint64_t>(x.size()));
  numbers.fill(x, 2, content == "special");
  for (int64_t i = 0; i < x.size(); ++i) {
    if (content == "equal") x[i] = T(0.3);
    if (content == "denormal") x[i] = static_cast<T>(i % 5 - 2) * Limits::denorm_min();
    if (content == "nonfinite")
      x[i] = i % 3 == 0 ? Limits::quiet_NaN() : i % 3 == 1 ? Limits::infinity() : -Limits::infinity();
  }
  if (content == "ordinary" && x.size() > 1) x[0] = T(2), x[1] = T(-2);
}

template <class T>
int check_summary(const Kernels<T>& kernels, const Guarded<T>& x) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (const auto& [low, high] : {std::pair{-0.5, 0.75}, {-inf, inf}, {T(0.3), T(0.3)}}) {
    RangeSummary want{inf, -inf, 0, 0, 0, 0};
    long double sum = 0, size = 0;
    for (int64_t i = 0; i < x.size(); ++i) {
      const double v = x[i];
      want.zeros += v == 0, want.nonfinite += !std::isfinite(v), want.outside += v < low || v > high;
      if (std::isfinite(v))
        want.min = std::fmin(want.min, v), want.max = std::fmax(want.max, v), sum += v, size += std::fabs(v);
    }
    const RangeSummary got = kernels.statistics.summarize(x.size(), x.data(), low, high);
    if (got.min != want.min || got.max != want.max) return fail("wrong ends");
    if (got.zeros != want.zeros || got.nonfinite != want.nonfinite) return fail("wrong count of zeros or nonfinite");
    if (got.outside != want.outside) return fail("wrong count outside");
    const long double bound = static_cast<long double>(x.size()) * std::numeric_limits<double>::epsilon() * size;
    if (!(std::fabs(got.sum - sum) <= bound)) return fail("wrong sum");
  }
  return 0;
}

template <class T>
int check_squares(const Kernels<T>& kernels, const Guarded<T>& x) {
  for (double center : {0.0, 0.125, -3.0}) {
    long double sum = 0;
    for (int64_t i = 0; i < x.size(); ++i)
      if (std::isfinite(x[i]))
        sum += (static_cast<long double>(x[i]) - center) * (static_cast<long double>(x[i]) - center);
    if (!close(kernels.statistics.sum_squared_distances(x.size(), x.data(), center), sum,
               4 + static_cast<long double>(x.size())))
      return fail("wrong squares");
  }
  return 0;
}

template <class T>
int check_histogram(const Kernels<T>& kernels, const Guarded<T>& x) {
  constexpr double low = -2, width = 4;
  for (int64_t bins : {1, 2, 7, 64}) {
    const double factor = static_cast<double>(bins) / width;
    Guarded<int64_t> counts(kCountTables * (bins + 1));
    for (int64_t i = 0; i < counts.size(); ++i) counts[i] = 1;
    kernels.statistics.histogram(x.size(), x.data(), low, factor, bins, counts.data());
    for (int64_t b = 0; b < bins; ++b) {
      int64_t want = kCountTables, got = 0;
      for (int64_t i = 0; i < x.size(); ++i) {
        if (!std::isfinite(x[i])) continue;
        want += std::min(static_cast<int64_t>(std::floor((static_cast<double>(x[i]) - low) * factor)), bins - 1) == b;
      }
      for (int64_t table = 0; table < kCountTables; ++table) got += counts[table * (bins + 1) + b];
      if (got != want) return fail("wrong count", bins, b);
    }
    if (check_fronts(counts)) return 1;
  }
  return 0;
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  Guarded<T> x(p["n"]);
  fill(x, p.kernel);
  return check_summary(kernels, x) + check_squares(kernels, x) + check_histogram(kernels, x) + check_fronts(x);
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("statistics_check", argc, argv,
                    [](const auto&) { return by_size({"ordinary", "special", "equal", "denormal", "nonfinite"}); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
