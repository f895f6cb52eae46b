/// Compares the kernels on ranges (elementwise functions, reductions) with plain scalar loops in a
/// wider type, on arrays that end at guard pages; and checks that cutting a range changes no bit.
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/reduce/channels.hpp"
#include "kernels/reduce/reduce.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

using Wide = long double;

/// run(begin, end) over [0, n) in one piece into `whole`, then again in pieces; both must agree to the bit.
template <class T, class Run>
int check_cuts(int64_t n, const Guarded<T>& whole, Guarded<T>& pieces, Run run) {
  int failures = 0;
  for (int64_t step : {1, 3, 16, 17, 64}) {
    pieces.clear();
    for (int64_t i = 0; i < n; i += step) run(i, i + step < n ? i + step : n, pieces.data());
    for (int64_t i = 0; i < n; ++i)
      if (!same_bits(whole[i], pieces[i])) return fail("cutting changes the bits", i);
    if (step > n) break;
  }
  return failures + check_fronts(whole, pieces);
}

template <class T>
struct Activation {
  const char* name;
  ActivationKernels<T> kernels;  ///< backward: null where there is none
  Wide (*f)(Wide x, Wide a);
  Wide (*df)(Wide y, Wide dy, Wide a);
  bool from_x = false;  ///< the derivative takes x for y
};

Wide density(Wide x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(Wide(-1))); }
Wide normal(Wide x) { return std::erfc(-x / std::sqrt(Wide(2))) / 2; }
Wide logistic(Wide x) { return 1 / (1 + std::exp(-x)); }
Wide tanh_argument(Wide x) { return 2 * std::sqrt(2 / std::acos(Wide(-1))) * (x + Wide(0.044715L) * x * x * x); }
Wide tanh_slope(Wide x) { return 2 * std::sqrt(2 / std::acos(Wide(-1))) * (1 + 3 * Wide(0.044715L) * x * x); }
/// 0 * inf is 0 here: the limits of the functions that are x times something flat.
Wide times(Wide x, Wide flat) { return flat == 0 ? Wide(0) : x * flat; }

constexpr double kThreshold = 0.25;  // low, so that both sides of it are met

template <class T>
std::vector<Activation<T>> activations(const ElementwiseKernels<T>& k) {
  return {{"relu", k.relu, [](Wide x, Wide) { return x <= 0 ? Wide(0) : x; },
           [](Wide y, Wide dy, Wide) { return y <= 0 ? Wide(0) : dy; }},
          {"leaky_relu", k.leaky_relu, [](Wide x, Wide a) { return x > 0 ? x : a * x; },
           [](Wide y, Wide dy, Wide a) { return y > 0 ? dy : a * dy; }},
          {"tanh", k.tanh, [](Wide x, Wide) { return std::tanh(x); },
           [](Wide y, Wide dy, Wide) { return dy * (1 - y * y); }},
          {"sigmoid", k.sigmoid, [](Wide x, Wide) { return 1 / (1 + std::exp(-x)); },
           [](Wide y, Wide dy, Wide) { return dy * y * (1 - y); }},
          {"elu", k.elu, [](Wide x, Wide a) { return x > 0 ? x : a * std::expm1(x); },
           [](Wide x, Wide dy, Wide a) { return x <= 0 ? dy * a * std::exp(x) : dy; }, true},
          {"softplus", k.softplus,
           [](Wide x, Wide a) { return a * x > kThreshold ? x : std::log1p(std::exp(a * x)) / a; },
           [](Wide x, Wide dy, Wide a) { return a * x > kThreshold ? dy : dy * logistic(a * x); }, true},
          {"silu", k.silu, [](Wide x, Wide) { return times(x, logistic(x)); },
           [](Wide x, Wide dy, Wide) { return dy * (logistic(x) + times(x, logistic(x) * logistic(-x))); }, true},
          {"gelu", k.gelu, [](Wide x, Wide) { return times(x, normal(x)); },
           [](Wide x, Wide dy, Wide) { return dy * (normal(x) + times(x, density(x))); }, true},
          {"gelu_tanh", k.gelu_tanh,
           [](Wide x, Wide) { return times(x, logistic(tanh_argument(x))); },
           [](Wide x, Wide dy, Wide) {
             const Wide s = logistic(tanh_argument(x)) * logistic(-tanh_argument(x));
             return dy * (logistic(tanh_argument(x)) + (s == 0 ? 0 : x * tanh_slope(x) * s));
           }, true},
          {"exp", {k.exp, nullptr}, [](Wide x, Wide) { return std::exp(x); }, nullptr},
          {"log", {k.log, nullptr}, [](Wide x, Wide) { return std::log(x); }, nullptr}};
}

template <class T>
int check_activation(const Activation<T>& f, int64_t n) {
  const T a[2] = {T(0.125), T(kThreshold)};
  Guarded<T> x(n), y(n), again(n), dy(n), dx(n);
  Numbers numbers(static_cast<uint64_t>(n));
  numbers.fill(x, 3, true), numbers.fill(dy, 2, true);
  const auto forward = f.kernels.forward;
  forward(n, a, x.data(), y.data());
  for (int64_t i = 0; i < n; ++i)
    if (!close(y[i], f.f(x[i], a[0]), f.from_x ? 12 : 2)) return fail("wrong value", i);
  int failures = check_cuts(n, y, again, [&](int64_t i, int64_t end, T* out) {
    forward(end - i, a, x.data() + i, out + i);
  });
  copy(x, again);
  forward(n, a, again.data(), again.data());
  for (int64_t i = 0; i < n; ++i)
    if (!same_bits(y[i], again[i])) return failures + fail("in place differs", i);
  if (!f.kernels.backward) return failures;

  const auto backward = f.kernels.backward;
  const Guarded<T>& saved = f.from_x ? x : y;
  backward(n, a, saved.data(), dy.data(), dx.data());
  for (int64_t i = 0; i < n; ++i)  // 1 - y^2 cancels where the function is flat: the error is measured against dy
    if (!close(dx[i], f.df(saved[i], dy[i], a[0]), 4) &&
        !(std::fabs(dx[i] - static_cast<T>(f.df(saved[i], dy[i], a[0]))) <=
          4 * std::numeric_limits<T>::epsilon() * std::fabs(dy[i])))
      return failures + fail("wrong gradient", i);
  failures += check_cuts(n, dx, again, [&](int64_t i, int64_t end, T* out) {
    backward(end - i, a, saved.data() + i, dy.data() + i, out + i);
  });
  backward(n, a, saved.data(), dy.data(), dy.data());
  for (int64_t i = 0; i < n; ++i)
    if (!same_bits(dx[i], dy[i])) return failures + fail("gradient in place differs", i);
  return failures;
}

template <class T>
int check_sums(const Kernels<T>& kernels, int64_t n) {
  using Limits = std::numeric_limits<T>;
  Guarded<T> x(n);
  Numbers(static_cast<uint64_t>(n) + 3).fill(x, 5);
  Wide squares = 0, absolute = 0;
  for (int64_t i = 0; i < n; ++i) squares += static_cast<Wide>(x[i]) * x[i], absolute += std::fabs(x[i]);
  const Wide tolerance = 4 + static_cast<Wide>(n);
  if (!close(kernels.reduce.sum_squares(n, x.data()), squares, tolerance)) return fail("sum_squares", n);
  if (!close(kernels.reduce.sum_absolute(n, x.data()), absolute, tolerance)) return fail("sum_absolute", n);
  for (int64_t i = 0; i < n; ++i) {
    const T kept = x[i];
    for (T good : {Limits::max(), Limits::lowest(), Limits::denorm_min(), -T(0)}) {
      x[i] = good;
      if (!kernels.reduce.all_finite(n, x.data())) return fail("all_finite denies a finite number", i);
    }
    for (T bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
      x[i] = bad;
      if (kernels.reduce.all_finite(n, x.data())) return fail("all_finite misses a number", i);
    }
    x[i] = kept;
  }
  return kernels.reduce.all_finite(n, x.data()) ? 0 : fail("all_finite", n);
}

template <class T>
int check_helpers(const Kernels<T>& kernels, int64_t n) {
  Guarded<T> x(n), y(n), out(n), again(n), mean(n), factor(n);
  Guarded<uint8_t> bytes(n);
  Numbers numbers(static_cast<uint64_t>(n) + 4);
  numbers.fill(x, 2, true), numbers.fill(y, 2), numbers.fill(mean, 2), numbers.fill(factor, 2);
  for (int64_t i = 0; i < n; ++i) bytes[i] = static_cast<uint8_t>(numbers.bits());

  copy(y, out);
  kernels.reduce.add(n, x.data(), out.data());
  for (int64_t i = 0; i < n; ++i)
    if (!same_bits(out[i], y[i] + x[i])) return fail("add", i);

  numbers.fill(x, 2);
  if (n > 2) x[0] = T(0), x[2] = -T(0);
  copy(y, out);
  const T l2 = T(0.25), l1 = T(0.5);
  kernels.reduce.add_penalty(n, l2, l1, x.data(), out.data());
  for (int64_t i = 0; i < n; ++i) {
    const Wide sign = x[i] > 0 ? 1 : x[i] < 0 ? -1 : 0, want = y[i] + Wide(l2) * x[i] + Wide(l1) * sign;
    const Wide allowed = 8 * static_cast<Wide>(std::numeric_limits<T>::epsilon());
    if (!(std::fabs(out[i] - want) <= allowed)) return fail("add_penalty", i);
  }
  int failures = check_cuts(n, out, again, [&](int64_t i, int64_t end, T* to) {
    for (int64_t k = i; k < end; ++k) to[k] = y[k];
    kernels.reduce.add_penalty(end - i, l2, l1, x.data() + i, to + i);
  });

  for (int64_t step : {0, 1}) {
    if (n == 0) break;
    kernels.reduce.normalize(n, x.data(), mean.data(), factor.data(), step, out.data());
    kernels.reduce.normalize_u8(n, bytes.data(), mean.data(), factor.data(), step, again.data());
    for (int64_t i = 0; i < n; ++i) {
      const T center = mean[i * step], by = factor[i * step];
      if (!same_bits(out[i], (x[i] - center) * by)) return failures + fail("normalize", i);
      if (!same_bits(again[i], (static_cast<T>(bytes[i]) - center) * by)) return failures + fail("normalize_u8", i);
    }
  }
  return failures + check_fronts(out, again);
}

/// Sums and maps by channel over (3, C, L), n channels of L = 1 or a few channels of L = n.
template <class T>
int check_channels(const Kernels<T>& kernels, int64_t C, int64_t L) {
  const int64_t N = 3, size = N * C * L;
  Guarded<T> x(size), dy(size), y(size), dx(size), center(C), scale(C), slope(C), level(C);
  Guarded<double> mean(C), sums(C), squares(C), products(C), one(1);
  Numbers numbers(static_cast<uint64_t>(C * 1000 + L));
  numbers.fill(x, 2), numbers.fill(dy, 2), numbers.fill(mean, 2), numbers.fill(center, 2), numbers.fill(scale, 2);
  numbers.fill(slope, 2), numbers.fill(level, 2);
  kernels.channels.sums(N, C, L, C * L, x.data(), sums.data());
  kernels.channels.squares(N, C, L, C * L, x.data(), mean.data(), squares.data());
  kernels.channels.products(N, C, L, C * L, dy.data(), x.data(), mean.data(), products.data());
  kernels.channels.affine(N, C, L, C * L, x.data(), center.data(), scale.data(), level.data(), y.data());
  kernels.channels.gradient(N, C, L, C * L, x.data(), dy.data(), center.data(), scale.data(), slope.data(),
                           level.data(), dx.data());
  for (int64_t c = 0; c < C; ++c) {
    Wide sum = 0, square = 0, product = 0, sizes = 1;
    for (int64_t n = 0; n < N; ++n)
      for (int64_t l = 0; l < L; ++l) {
        const int64_t i = (n * C + c) * L + l;
        const Wide d = x[i] - Wide(mean[c]), e = x[i] - Wide(center[c]);
        sum += x[i], square += d * d, product += dy[i] * d, sizes += std::fabs(x[i]) + d * d + std::fabs(dy[i] * d);
        const Wide allowed = 64 * static_cast<Wide>(std::numeric_limits<T>::epsilon());
        if (!(std::fabs(y[i] - (e * scale[c] + level[c])) <= allowed)) return fail("channel_affine", i);
        if (!(std::fabs(dx[i] - scale[c] * (dy[i] - level[c] - slope[c] * e)) <= allowed))
          return fail("channel_gradient", i);
      }
    const Wide allowed = static_cast<Wide>(N * L) * sizes * static_cast<Wide>(std::numeric_limits<double>::epsilon());
    if (!(std::fabs(sums[c] - sum) <= allowed)) return fail("channel_sums", c);
    if (!(std::fabs(squares[c] - square) <= allowed)) return fail("channel_squares", c);
    if (!(std::fabs(products[c] - product) <= allowed)) return fail("channel_products", c);
    kernels.channels.products(N, 1, L, C * L, dy.data() + c * L, x.data() + c * L, mean.data() + c, one.data());
    if (!same_bits(one[0], products[c])) return fail("cutting changes the bits", c);
  }
  return check_fronts(y, dx, sums, squares, products);
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  if (p.kernel == "channels") return check_channels(kernels, p["c"], p["l"]);
  if (p.kernel == "sums") return check_sums(kernels, p["n"]);
  if (p.kernel == "helpers") return check_helpers(kernels, p["n"]);
  const auto all = activations(kernels.elementwise);
  return check_activation(*std::find_if(all.begin(), all.end(), [&](auto& f) { return f.name == p.kernel; }), p["n"]);
}

template <class T>
std::vector<Problem> problems(const Kernels<T>& kernels) {
  std::vector<Problem> all = by_size({"sums", "helpers"});
  size_t kernels_listed = 0;
  for (const auto& f : activations(kernels.elementwise)) {
    kernels_listed += f.kernels.backward ? 2 : 1;
    const std::vector<Problem> own = by_size({f.name});
    all.insert(all.end(), own.begin(), own.end());
  }
  if (sizeof kernels.elementwise != kernels_listed * sizeof kernels.elementwise.exp) refuse("not listed", "a function");
  for (const Problem& p : by_size({""})) {
    all.push_back({"channels", {{"c", p["n"]}, {"l", 1}}});
    all.push_back({"channels", {{"c", 5}, {"l", p["n"]}}});
  }
  return all;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("range_check", argc, argv, [](const auto& kernels) { return problems(kernels); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
