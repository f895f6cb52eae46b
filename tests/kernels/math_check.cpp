/// Measures the functions of every kernel set that are more than arithmetic against the C library in a wider type.
///
///   math_check [--isa NAME] [--exhaustive]
///
/// One line a function, set and type: the largest error in ulp and where it is. Fails beyond 2 ulp
/// and for a wrong special value. --exhaustive takes all 2^32 floats and more doubles: minutes instead of seconds.
#include <bit>

#include "kernels/elementwise/elementwise.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

template <class T>
struct Wide;
template <>
struct Wide<float> {
  using Type = double;
};
template <>
struct Wide<double> {
  using Type = long double;
};

template <class T>
struct Function {
  const char* name;
  ElementwiseForward<T> (*kernel)(const ElementwiseKernels<T>& of_set);
  typename Wide<T>::Type (*reference)(typename Wide<T>::Type);
  double low, high;  ///< where it neither overflows nor is flat: the dense part of the grid for double
  double allowed_ulp = 2;
  T constants[2] = {1, 20};  ///< elu: alpha; softplus: beta, threshold
};

template <class W>
W gelu(W x) { return x * std::erfc(-x / std::sqrt(W(2))) / 2; }

template <class T>
std::vector<Function<T>> functions() {
  using W = typename Wide<T>::Type;
  using K = ElementwiseKernels<T>;
  return {
      {"exp", [](const K& k) { return k.exp; }, [](W x) { return std::exp(x); }, -746, 710},
      {"log", [](const K& k) { return k.log; }, [](W x) { return std::log(x); }, 0.25, 4},
      {"tanh", [](const K& k) { return k.tanh.forward; }, [](W x) { return std::tanh(x); }, -20, 20},
      {"sigmoid", [](const K& k) { return k.sigmoid.forward; }, [](W x) { return 1 / (1 + std::exp(-x)); }, -746, 40},
      {"elu", [](const K& k) { return k.elu.forward; }, [](W x) { return x > 0 ? x : std::expm1(x); }, -40, 1},
      {"softplus", [](const K& k) { return k.softplus.forward; },
       [](W x) { return x > 20 ? x : std::log1p(std::exp(x)); }, -746, 21},
      {"silu", [](const K& k) { return k.silu.forward; }, [](W x) { return x / (1 + std::exp(-x)); }, -750, 40},
      {"gelu", [](const K& k) { return k.gelu.forward; }, gelu<W>, -39, 10}};
}

/// |got - want| in units of the last place that T has at `want`; inf counts as the power of two after the largest T.
template <class T>
double error_in_ulp(T got, typename Wide<T>::Type want) {
  using W = typename Wide<T>::Type;
  using Limits = std::numeric_limits<T>;
  if (std::isnan(want)) return std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isnan(got)) return HUGE_VAL;
  const W bound = std::ldexp(W(1), Limits::max_exponent);
  const auto finite = [&](W x) { return std::fmin(std::fmax(x, -bound), bound); };
  const W a = finite(got), b = finite(want);
  if (a == b) return 0;
  int exponent;
  std::frexp(std::fmin(std::fabs(b), static_cast<W>(Limits::max())), &exponent);
  const int last = std::max(exponent - Limits::digits, Limits::min_exponent - Limits::digits);
  return static_cast<double>(std::ldexp(std::fabs(a - b), -last));
}

template <class T>
struct Worst {
  double ulp = 0;
  T x = 0;
};

/// Arguments in chunks: the reference is computed once for all sets.
template <class T>
class Measurement {
 public:
  Measurement(const Function<T>& function, const std::vector<KernelSet>& sets)
      : function_(function), sets_(sets), worst_(sets.size()), y_(kChunk), want_(kChunk) {
    x_.reserve(kChunk);
  }

  void add(T x) {
    if (std::isinf(x)) return;  // check_special says what is right
    x_.push_back(x);
    if (x_.size() == kChunk) flush();
  }

  void flush() {
    const auto half_eps = std::numeric_limits<T>::epsilon() / typename Wide<T>::Type(2);
    for (size_t i = 0; i < x_.size(); ++i) want_[i] = function_.reference(x_[i]);
    for (size_t s = 0; s < sets_.size(); ++s) {
      const auto kernel = function_.kernel(sets_[s].template kernels<T>().elementwise);
      kernel(static_cast<int64_t>(x_.size()), function_.constants, x_.data(), y_.data());
      for (size_t i = 0; i < x_.size(); ++i) {
        // an ulp is at least eps/2 of the number: most of them cannot be worse
        if (std::fabs(y_[i] - want_[i]) <= worst_[s].ulp * half_eps * std::fabs(want_[i])) continue;
        const double ulp = error_in_ulp(y_[i], want_[i]);
        if (ulp > worst_[s].ulp) worst_[s] = {ulp, x_[i]};
      }
    }
    x_.clear();
  }

  int report() {
    flush();
    int failures = 0;
    for (size_t s = 0; s < sets_.size(); ++s) {
      const bool good = worst_[s].ulp <= function_.allowed_ulp;
      std::printf("%-8s %-8s %s %7.4f ulp at %.17g (%a)%s\n", function_.name, sets_[s].name(), kType<T>,
                  worst_[s].ulp, static_cast<double>(worst_[s].x),
                  static_cast<double>(worst_[s].x), good ? "" : "  FAIL");
      failures += !good;
    }
    return failures;
  }

 private:
  static constexpr size_t kChunk = 4096;
  const Function<T>& function_;
  const std::vector<KernelSet>& sets_;
  std::vector<Worst<T>> worst_;
  std::vector<T> x_, y_;
  std::vector<typename Wide<T>::Type> want_;
};

int measure_float(const std::vector<KernelSet>& sets, bool exhaustive) {
  int failures = 0;
  for (const auto& function : functions<float>()) {
    Measurement<float> measurement(function, sets);
    const uint64_t step = exhaustive ? 1 : 997;
    for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += step)
      measurement.add(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    failures += measurement.report();
  }
  return failures;
}

/// All exponents alike, and evenly over the part where the function bends.
int measure_double(const std::vector<KernelSet>& sets, bool exhaustive) {
  int failures = 0;
  for (const auto& function : functions<double>()) {
    Measurement<double> measurement(function, sets);
    const int64_t points = exhaustive ? 1 << 27 : 1 << 19;
    uint64_t random = 1;
    for (int64_t i = 0; i < points; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      measurement.add(i % 2 ? std::bit_cast<double>(random)
                            : function.low + (function.high - function.low) * 0x1p-64 * static_cast<double>(random));
    }
    failures += measurement.report();
  }
  return failures;
}

template <class T>
struct Special {
  T x, y;
};

/// Every special value, alone and in every lane among ordinary numbers.
template <class T>
int check_special(const std::vector<KernelSet>& sets) {
  using Limits = std::numeric_limits<T>;
  const T inf = Limits::infinity(), nan = Limits::quiet_NaN(), tiny = Limits::denorm_min(), small = Limits::min();
  const T largest = Limits::max();
  const std::vector<Special<T>> expected[] = {
      {{T(0), T(1)}, {-T(0), T(1)}, {tiny, T(1)}, {-tiny, T(1)}, {inf, inf}, {-inf, T(0)}, {nan, nan}, {-nan, nan},
       {largest, inf}, {-largest, T(0)}},
      {{T(0), -inf}, {-T(0), -inf}, {T(1), T(0)}, {T(-1), nan}, {-tiny, nan}, {inf, inf}, {-inf, nan}, {nan, nan},
       {-largest, nan}},
      {{T(0), T(0)}, {-T(0), -T(0)}, {tiny, tiny}, {-tiny, -tiny}, {small, small}, {inf, T(1)}, {-inf, T(-1)},
       {nan, nan}, {-nan, nan}, {largest, T(1)}, {-largest, T(-1)}},
      {{T(0), T(0.5)}, {-T(0), T(0.5)}, {tiny, T(0.5)}, {inf, T(1)}, {-inf, T(0)}, {nan, nan}, {-nan, nan},
       {largest, T(1)}, {-largest, T(0)}},
      {{T(0), T(0)}, {-T(0), -T(0)}, {tiny, tiny}, {-tiny, -tiny}, {inf, inf}, {-inf, T(-1)}, {nan, nan}, {-nan, nan},
       {largest, largest}, {-largest, T(-1)}},
      {{-inf, T(0)}, {inf, inf}, {nan, nan}, {largest, largest}, {-largest, T(0)}},
      {{T(0), T(0)}, {-T(0), -T(0)}, {-inf, -T(0)}, {inf, inf}, {nan, nan}, {largest, largest}, {-largest, -T(0)}},
      {{T(0), T(0)}, {-T(0), -T(0)}, {-inf, -T(0)}, {inf, inf}, {nan, nan}, {largest, largest}, {-largest, -T(0)}}};
  int failures = 0;
  size_t f = 0;
  for (const auto& function : functions<T>()) {
    for (const auto& [x, y] : expected[f])
      for (const KernelSet& set : sets)
        for (size_t place = 0; place < 67; ++place) {
          std::vector<T> in(67, T(0.75)), out(67);
          in[place] = x;
          function.kernel(set.kernels<T>().elementwise)(67, function.constants, in.data(), out.data());
          if (same_bits(out[place], y)) continue;
          std::printf("FAIL %s(%g) is %g instead of %g (%s, %s)\n", function.name, static_cast<double>(x),
                      static_cast<double>(out[place]), static_cast<double>(y), set.name(), kType<T>);
          ++failures;
        }
    ++f;
  }
  return failures;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  const auto [exhaustive, sets, problems] = Arguments(argc, argv, "--exhaustive");
  if (!problems.empty()) refuse("not a problem of this program", problems.front().text());
  const int failures = check_special<float>(sets) + check_special<double>(sets) + measure_float(sets, exhaustive) +
                       measure_double(sets, exhaustive);
  return failures ? 1 : 0;
}
