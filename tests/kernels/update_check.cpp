/// Compares the parameter updates with plain scalar rules in double, on arrays that end at guard pages; and checks that
/// cutting a range changes no bit.
#include "kernels/update/update.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

using Wide = long double;

/// The state of one parameter under an optimizer: w, g and three arrays of state, of which some may go unused.
template <class T>
struct Parameter {
  Guarded<T> w, g, a, b, c;
  explicit Parameter(int64_t n) : w(n), g(n), a(n), b(n), c(n) {
    Numbers numbers(static_cast<uint64_t>(n) + 9);
    numbers.fill(w, 1), numbers.fill(a, 1), numbers.fill(b, 1), numbers.fill(c, 1);
    for (int64_t i = 0; i < n; ++i) b[i] = std::fabs(b[i]) + T(0.3), c[i] = std::fabs(c[i]) / 2;  // c^2 < b
  }
  void new_gradient(int t) { Numbers(static_cast<uint64_t>(t) + 77).fill(g, 0.5); }
};

/// Five steps of `kernel`, whole and cut in two, against `rule` in double.
template <class T, class Kernel, class Rule>
int check_update(int64_t n, Kernel kernel, Rule rule) {
  Parameter<T> whole(n), cut(n);
  Parameter<double> reference(n);
  for (int64_t i = 0; i < n; ++i) {
    reference.w[i] = whole.w[i], reference.a[i] = whole.a[i], reference.b[i] = whole.b[i], reference.c[i] = whole.c[i];
  }
  for (int t = 1; t <= 5; ++t) {
    whole.new_gradient(t), cut.new_gradient(t);
    kernel(t, n, whole.w.data(), whole.g.data(), whole.a.data(), whole.b.data(), whole.c.data());
    for (int64_t i = 0, step = 1; i < n; i += step, step = 1 + (step * 7) % 19) {
      const int64_t count = i + step < n ? step : n - i;
      kernel(t, count, cut.w.data() + i, cut.g.data() + i, cut.a.data() + i, cut.b.data() + i, cut.c.data() + i);
    }
    for (int64_t i = 0; i < n; ++i)
      rule(t, reference.w[i], double{whole.g[i]}, reference.a[i], reference.b[i], reference.c[i]);
  }
  Guarded<T> gradient(n);
  Numbers(5 + 77).fill(gradient, 0.5);
  for (int64_t i = 0; i < n; ++i) {
    if (!same_bits(gradient[i], whole.g[i])) return fail("the gradient was changed", i);
    const Wide scale = std::fmax(1.0, std::fabs(reference.w[i]) + std::fabs(reference.a[i]));
    const Wide allowed = 40 * static_cast<Wide>(std::numeric_limits<T>::epsilon()) * scale;
    for (const auto& [got, want] : {std::pair{whole.w[i], reference.w[i]},
                                    {whole.a[i], reference.a[i]},
                                    {whole.b[i], reference.b[i]},
                                    {whole.c[i], reference.c[i]}})
      if (!(std::fabs(static_cast<Wide>(got) - want) <= allowed)) return fail("wrong update", i);
    if (!same_bits(whole.w[i], cut.w[i]) || !same_bits(whole.a[i], cut.a[i]) || !same_bits(whole.b[i], cut.b[i]) ||
        !same_bits(whole.c[i], cut.c[i]))
      return fail("cutting changes the bits", i);
  }
  return check_fronts(whole.w, whole.g, whole.a, whole.b, whole.c);
}

template <class T>
int check_sgd(const Kernels<T>& kernels, int64_t n) {
  int failures = 0;
  for (double momentum : {0.0, 0.9})
    for (double dampening : {0.0, 0.5})
      for (double decay : {0.0, 0.01})
        for (bool nesterov : {false, true}) {
          const auto kernel = [&](int t, int64_t count, T* w, const T* g, T* a, T*, T*) {
            const SgdStep step{0.1, momentum, dampening, decay, nesterov, t == 1};
            kernels.update.sgd(count, step, w, g, States<T>{momentum == 0 ? nullptr : a});
          };
          failures += check_update<T>(n, kernel, [&](int t, double& w, double g, double& v, double&, double&) {
            const double d = g + decay * w;
            if (momentum == 0) return void(w -= 0.1 * d);
            v = t == 1 ? d : momentum * v + (1 - dampening) * d;
            w -= 0.1 * (nesterov ? d + momentum * v : v);
          });
        }
  return failures;
}

template <class T>
int check_adam(const Kernels<T>& kernels, int64_t n) {
  int failures = 0;
  for (bool amsgrad : {false, true})
    for (bool inside : {false, true})
      for (const auto& [decay, shrink] : {std::pair{0.0, 1.0}, {0.01, 1.0}, {0.0, 0.9}}) {
        const auto correction = [](double beta, int t) { return 1 - std::pow(beta, t); };
        const double eps = 1e-3;
        const auto kernel = [&](int t, int64_t count, T* w, const T* g, T* m, T* v, T* v_max) {
          const AdamStep step{0.01, 0.8, 0.9, eps, decay, shrink, correction(0.8, t), correction(0.9, t), inside};
          kernels.update.adam(count, step, w, g, States<T>{m, v, amsgrad ? v_max : nullptr});
        };
        failures += check_update<T>(n, kernel, [&](int t, double& w, double g, double& m, double& v, double& v_max) {
          const double d = g + decay * w;
          m = 0.8 * m + (1 - 0.8) * d;
          v = 0.9 * v + (1 - 0.9) * d * d;
          if (amsgrad) v_max = std::fmax(v_max, v);
          const double corrected = (amsgrad ? v_max : v) / correction(0.9, t);
          const double root = inside ? std::sqrt(corrected + eps) : std::sqrt(corrected) + eps;
          w = shrink * w - 0.01 / correction(0.8, t) * m / root;
        });
      }
  return failures;
}

template <class T>
int check_rmsprop(const Kernels<T>& kernels, int64_t n) {
  int failures = 0;
  for (double momentum : {0.0, 0.9})
    for (bool centered : {false, true}) {
      const auto kernel = [&](int, int64_t count, T* w, const T* g, T* buffer, T* v, T* mean) {
        const RMSpropStep step{0.01, 0.75, 1e-2, 0.05, momentum};
        const States<T> states{v, momentum > 0 ? buffer : nullptr, centered ? mean : nullptr};
        kernels.update.rmsprop(count, step, w, g, states);
      };
      failures += check_update<T>(n, kernel, [&](int, double& w, double g, double& buffer, double& v, double& mean) {
        const double d = g + 0.05 * w;
        v = 0.75 * v + 0.25 * d * d;
        if (centered) mean = 0.75 * mean + 0.25 * d;
        const double change = d / (std::sqrt(centered ? std::fmax(0.0, v - mean * mean) : v) + 1e-2);
        if (momentum > 0) buffer = momentum * buffer + change;
        w -= 0.01 * (momentum > 0 ? buffer : change);
      });
    }
  return failures;
}

template <class T>
int check_squares(const Kernels<T>& kernels, int64_t n) {
  int failures = check_rmsprop(kernels, n);
  failures += check_update<T>(
      n,
      [&](int, int64_t count, T* w, const T* g, T*, T* sum, T*) {
        kernels.update.adagrad(count, {0.1, 1e-2, 0.05}, w, g, States<T>{sum});
      },
      [](int, double& w, double g, double&, double& sum, double&) {
        const double d = g + 0.05 * w;
        sum += d * d;
        w -= 0.1 * d / (std::sqrt(sum) + 1e-2);
      });
  return failures + check_update<T>(
      n,
      [&](int, int64_t count, T* w, const T* g, T*, T* v, T* u) {
        kernels.update.adadelta(count, {0.5, 0.75, 1e-2, 0.05}, w, g, States<T>{v, u});
      },
      [](int, double& w, double g, double&, double& v, double& u) {
        const double d = g + 0.05 * w;
        v = 0.75 * v + 0.25 * d * d;
        const double change = std::sqrt(u + 1e-2) / std::sqrt(v + 1e-2) * d;
        u = 0.75 * u + 0.25 * change * change;
        w -= 0.5 * change;
      });
}

template <class T>
int check_moments(const Kernels<T>& kernels, int64_t n) {
  int failures = check_update<T>(
      n,
      [&](int, int64_t count, T* w, const T* g, T* m, T* u, T*) {
        kernels.update.adamax(count, {0.01, 0.75, 0.5, 1e-2, 0.05}, w, g, States<T>{m, u});
      },
      [](int, double& w, double g, double& m, double& u, double&) {
        const double d = g + 0.05 * w;
        m = 0.75 * m + 0.25 * d;
        u = std::fmax(0.5 * u, std::fabs(d) + 1e-2);
        w -= 0.01 * m / u;
      });
  const auto averages = [](double w, double g, double& m, double& v) {
    const double d = g + 0.05 * w;
    m = 0.75 * m + 0.25 * d;
    v = 0.5 * v + 0.5 * d * d;
    return d;
  };
  failures += check_update<T>(
      n,
      [&](int, int64_t count, T* w, const T* g, T* m, T* v, T*) {
        kernels.update.nadam(count, {0.02, 0.01, 0.75, 0.5, 1e-2, 0.05, 0.9, 0.4}, w, g, States<T>{m, v});
      },
      [&](int, double& w, double g, double& m, double& v, double&) {
        const double d = averages(w, g, m, v);
        w = 0.9 * w - (0.02 * d + 0.01 * m) / (std::sqrt(v / 0.4) + 1e-2);
      });
  for (bool rectified : {false, true})
    failures += check_update<T>(
        n,
        [&](int, int64_t count, T* w, const T* g, T* m, T* v, T*) {
          kernels.update.radam(count, {0.01, 0.75, 0.5, 1e-2, 0.05, 0.9, rectified}, w, g, States<T>{m, v});
        },
        [&](int, double& w, double g, double& m, double& v, double&) {
          averages(w, g, m, v);
          w = 0.9 * w - 0.01 * (rectified ? m / (std::sqrt(v) + 1e-2) : m);
        });
  return failures + check_update<T>(
                        n,
                        [&](int, int64_t count, T* w, const T* g, T* m, T*, T*) {
                          kernels.update.lion(count, {0.01, 0.75, 0.5, 0.9}, w, g, States<T>{m});
                        },
                        [](int, double& w, double g, double& m, double&, double&) {
                          const double c = 0.75 * m + 0.25 * g;
                          w = 0.9 * w - 0.01 * (c > 0 ? 1 : c < 0 ? -1 : 0);
                          m = 0.5 * m + 0.5 * g;
                        });
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  const int64_t n = p["n"];
  if (p.kernel == "sgd") return check_sgd(kernels, n);
  if (p.kernel == "adam") return check_adam(kernels, n);
  return p.kernel == "squares" ? check_squares(kernels, n) : check_moments(kernels, n);
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main(
      "update_check", argc, argv,
      [](const auto&) {
        return by_size({"sgd", "adam", "squares", "moments"});
      },
      [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
