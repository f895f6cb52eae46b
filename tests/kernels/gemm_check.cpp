/// Compares the products with plain triple loops, looks for reads and writes out of bounds, and times them.
#include "kernels/gemm/gemm.hpp"
#include "kernels/probe.hpp"
#include "matrix.hpp"
#include "timing.hpp"

namespace nncore::check {
namespace {

/// W^T (K, N) as panels, as kernels/gemm/gemm.hpp describes it.
template <class T>
void pack(const Matrix<T>& w, int64_t panel, Guarded<T>& packed) {
  T* out = packed.data();
  for (int64_t j0 = 0; j0 < w.columns; j0 += panel)
    for (int64_t k = 0; k < w.rows; ++k)
      for (int64_t j = j0; j < std::min(w.columns, j0 + panel); ++j) *out++ = w.at(k, j);
}

template <class T>
int check_forward(const Kernels<T>& kernels, const Sizes& p, int64_t gap, bool with_bias) {
  Matrix<T> x(p.m, p.k, gap), w(p.k, p.n, 0), bias(1, p.n, 0), y(p.m, p.n, gap);
  Guarded<T> packed(p.k * p.n);
  x.fill(1), w.fill(2), bias.fill(3), pack(w, kernels.panel, packed);
  const T* b = with_bias ? bias.row(0) : nullptr;
  for (int64_t j = 0; j < p.n; j += kernels.panel) {
    const int64_t width = std::min(kernels.panel, p.n - j);
    kernels.gemm.forward(p.m, width, p.k, x.row(0), x.ld, packed.data() + j * p.k, b ? b + j : b, y.row(0) + j, y.ld);
  }
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t j = 0; j < p.n; ++j)
      if (!close_sum(y.at(m, j), b ? b[j] : T(0), p.k, [&](int64_t k) -> long double {
            return static_cast<long double>(x.at(m, k)) * w.at(k, j);
          }))
        return fail("wrong sum", m, j);

  // every element again, alone
  Guarded<T> column(p.k), one(1);
  for (int64_t j = 0; j < p.n; j += 1 + p.n / 7)
    for (int64_t m = 0; m < p.m; ++m) {
      for (int64_t k = 0; k < p.k; ++k) column[k] = w.at(k, j);
      kernels.gemm.forward(1, 1, p.k, x.row(m), x.ld, column.data(), b ? b + j : b, one.data(), 1);
      if (!same_bits(one[0], y.at(m, j))) return fail("cutting changes the bits", m, j);
    }
  return y.check_gaps();
}

template <class T>
int check_dw(const Kernels<T>& kernels, const Sizes& p, int64_t gap) {
  Matrix<T> x(p.m, p.k, gap), dy(p.m, p.n, gap);
  Guarded<T> dw(p.k * p.n), one(1);
  x.fill(4), dy.fill(5);
  for (int64_t j0 = 0; j0 < p.n; j0 += kernels.panel) {
    const int64_t width = std::min(kernels.panel, p.n - j0);
    T* out = dw.data() + j0 * p.k;
    kernels.gemm.weight_gradient(p.m, width, p.k, x.row(0), x.ld, dy.row(0) + j0, dy.ld, out);
    for (int64_t k = 0; k < p.k; ++k)
      for (int64_t j = 0; j < width; ++j) {
        const T got = out[k * width + j];
        if (!close_sum(got, 0, p.m, [&](int64_t m) -> long double {
              return static_cast<long double>(x.at(m, k)) * dy.at(m, j0 + j);
            }))
          return fail("wrong sum", k, j0 + j);
        if (j % 5 != 0) continue;
        kernels.gemm.weight_gradient(p.m, 1, 1, x.row(0) + k, x.ld, dy.row(0) + j0 + j, dy.ld, one.data());
        if (!same_bits(one[0], got)) return fail("cutting changes the bits", k, j0 + j);
      }
  }
  return check_fronts(dw);
}

template <class T>
int check_dx(const Kernels<T>& kernels, const Sizes& p, int64_t gap) {
  Matrix<T> dy(p.m, p.n, gap), w(p.k, p.n, 0), dx(p.m, p.k, gap), cut(p.m, p.k, gap);
  Guarded<T> packed(p.k * p.n);
  dy.fill(6), w.fill(7), pack(w, kernels.panel, packed);
  kernels.gemm.input_gradient(p.m, p.n, p.k, 0, p.k, dy.row(0), dy.ld, packed.data(), dx.row(0), dx.ld);
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t k = 0; k < p.k; ++k)
      if (!close_sum(dx.at(m, k), 0, p.n, [&](int64_t j) -> long double {
            return static_cast<long double>(dy.at(m, j)) * w.at(k, j);
          }))
        return fail("wrong sum", m, k);

  // row by row, in cuts of every width; what lies outside a cut must stay as it was
  for (int64_t step = 1; step <= std::min<int64_t>(p.k, 19); ++step) {
    const int64_t k0 = (step * 5) % p.k, k1 = std::min(p.k, k0 + step), m = step % std::max<int64_t>(p.m, 1);
    if (p.m == 0) break;
    cut.memory.clear();
    kernels.gemm.input_gradient(1, p.n, p.k, k0, k1, dy.row(m), dy.ld, packed.data(), cut.row(m), cut.ld);
    for (int64_t i = 0; i < cut.memory.size(); ++i) {
      const bool inside = i / cut.ld == m && i % cut.ld >= k0 && i % cut.ld < k1;
      if (inside ? !same_bits(cut.memory[i], dx.memory[i]) : !cut.memory.untouched(i))
        return fail("cutting changes the bits", i / cut.ld, i % cut.ld);
    }
  }
  return dx.check_gaps() | cut.check_gaps();
}

template <class T>
int check_column_sums(const Kernels<T>& kernels, const Sizes& p, int64_t gap) {
  Matrix<T> x(p.m, p.n, gap);
  Guarded<T> out(p.n), one(1);
  x.fill(8);
  kernels.gemm.column_sums(p.m, p.n, x.row(0), x.ld, out.data());
  for (int64_t j = 0; j < p.n; ++j) {
    if (!close_sum(out[j], 0, p.m, [&](int64_t m) -> long double { return x.at(m, j); }))
      return fail("wrong sum", 0, j);
    kernels.gemm.column_sums(p.m, 1, x.row(0) + j, x.ld, one.data());
    if (!same_bits(one[0], out[j])) return fail("cutting changes the bits", 0, j);
  }
  return check_fronts(out);
}

/// The probe that speeds are compared with really does what it counts.
template <class T>
int check_probe(const Kernels<T>& kernels) {
  constexpr int rounds = 1000, chains = 12;
  long double sum = 0;
  for (int chain = 0; chain < chains; ++chain) {
    long double s = chain;
    for (int r = 0; r < rounds; ++r) s = s * T(0.9999) + T(1e-4);
    sum += s;
  }
  Guarded<T> out(kernels.lanes);
  const double operations = kernels.probe.fma(rounds, out.data());
  for (int64_t i = 0; i < kernels.lanes; ++i)
    if (!(std::fabs(out[i] - sum) <= rounds * std::numeric_limits<T>::epsilon() * sum)) return fail("sum", 0, i);
  if (operations != 2.0 * rounds * chains * static_cast<double>(kernels.lanes)) return fail("operations", 0, 0);
  return check_fronts(out);
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& problem) {
  if (problem.kernel == "fma_probe") return check_probe(kernels);
  const Sizes p(problem);
  int failures = 0;
  for (int64_t gap : {int64_t{0}, (p.m + p.n + p.k) % 2 == 0 ? int64_t{3} : int64_t{40}}) {
    if (problem.kernel == "gemm_forward") {
      failures += check_forward(kernels, p, gap, false) + check_forward(kernels, p, gap, true);
    } else if (problem.kernel == "gemm_weight_gradient") {
      failures += check_dw(kernels, p, gap);
    } else if (problem.kernel == "gemm_input_gradient") {
      failures += check_dx(kernels, p, gap);
    } else {
      failures += check_column_sums(kernels, p, gap);
    }
  }
  return failures;
}

/// One whole product as a caller runs it, panel by panel.
template <class T>
struct Product {
  const Kernels<T>& kernels;
  std::string kernel;
  Sizes p;
  Aligned<T> x{p.m * p.k}, y{p.m * p.n}, w{p.k * p.n}, bias{p.n};

  void operator()() {
    if (kernel == "gemm_input_gradient") {
      kernels.gemm.input_gradient(p.m, p.n, p.k, 0, p.k, y.get(), p.n, w.get(), x.get(), p.k);
    } else if (kernel == "column_sums") {
      kernels.gemm.column_sums(p.m, p.n, y.get(), p.n, bias.get());
    } else {
      const bool forward = kernel == "gemm_forward";
      for (int64_t j = 0; j < p.n; j += kernels.panel) {
        const int64_t width = std::min(kernels.panel, p.n - j);
        if (forward)
          kernels.gemm.forward(p.m, width, p.k, x.get(), p.k, w.get() + j * p.k, bias.get() + j, y.get() + j, p.n);
        else kernels.gemm.weight_gradient(p.m, width, p.k, x.get(), p.k, y.get() + j, p.n, w.get() + j * p.k);
      }
    }
  }
  double operations() const {
    const double cells = static_cast<double>(p.m * p.n);
    return kernel == "column_sums" ? cells : 2.0 * cells * static_cast<double>(p.k);
  }
};

template <class T>
void bench(const Kernels<T>& kernels, const Problem& p) {
  Product<T> product{kernels, p.kernel, Sizes(p)};
  const Timing t = time_beside_probe(kernels, product.operations(), product);
  std::printf("%-8s %-34s %9.3f us %8.1f Gflop/s %5.1f %% of the probe\n", kernels.isa, p.text().c_str(), t.best * 1e6,
              product.operations() / t.best * 1e-9, 100 * t.median_fraction);
}

/// Sizes around every edge a tile or a vector can have, then shapes of real networks.
std::vector<Problem> all_problems() {
  const int64_t edges[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 29, 31, 32, 33, 63, 64, 65};
  const int64_t few[] = {0, 3, 17};
  const int64_t real[][3] = {{1, 20, 2},   {160, 20, 2},   {16, 2, 20},    {10, 30, 784}, {10, 10, 30},
                             {5, 100, 300}, {43, 129, 70}, {200, 100, 192}, {3, 31, 1024}, {20, 40, 2048}};
  std::vector<Problem> all = {{"fma_probe", {}}};
  for (const char* kernel : {"gemm_forward", "gemm_weight_gradient", "gemm_input_gradient", "column_sums"}) {
    const bool no_k = std::string(kernel) == "column_sums";
    const auto add = [&](int64_t m, int64_t n, int64_t k) {
      if (!no_k || k == 0) all.push_back(product(kernel, m, n, k));
    };
    for (int64_t a : edges)
      for (int64_t b : edges)
        for (int64_t c : few) add(a, b, c), add(c, b, a), add(a, c, b);
    for (const auto& s : real) add(s[0], s[1], no_k ? 0 : s[2]);
  }
  return all;
}

/// The shapes that are timed.
std::vector<Problem> bench_problems() {
  const int64_t shapes[][3] = {{1, 20, 2},     {16, 20, 2},    {160, 20, 2},   {1, 2, 20},      {16, 2, 20},
                               {160, 2, 20},   {10, 10, 30},   {10, 30, 784},  {64, 30, 784},   {1, 512, 784},
                               {10, 512, 784}, {64, 512, 784}, {10, 256, 512}, {64, 256, 512},  {64, 128, 256},
                               {64, 64, 128},  {64, 10, 64},   {200, 100, 3072}, {64, 1024, 1024}};
  std::vector<Problem> all;
  for (const char* kernel : {"gemm_forward", "gemm_weight_gradient", "gemm_input_gradient", "column_sums"})
    for (const auto& s : shapes) all.push_back(product(kernel, s[0], s[1], s[2]));
  return all;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("gemm_check", argc, argv, [](const auto&) { return all_problems(); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); },
                    [](const auto&) { return bench_problems(); },
                    [](const auto& kernels, const Problem& p) { bench(kernels, p); });
}
