/// Compares the products with plain triple loops, looks for reads and writes out of bounds, and times them.
///
///   kernel_check [--isa NAME] --all | PROBLEM...      check; a failure prints the line that repeats it
///   kernel_check [--isa NAME] --bench [PROBLEM...]    Gflop/s and fraction of the FMA probe run beside it
#include <algorithm>
#include <cmath>
#include <csignal>
#include <limits>
#include <memory>

#include "guarded.hpp"
#include "problems.hpp"
#include "sums.hpp"
#include "timing.hpp"

namespace nncore::check {
namespace {

std::string current;  // the repro arguments of what runs now, for the handler of a fault

void on_fault(int) {
  std::fputs("FAIL access outside an array: kernel_check ", stdout);
  std::puts(current.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

int fail(const char* what, int64_t row, int64_t column) {
  std::printf("FAIL %s at [%lld, %lld]: kernel_check %s\n", what, static_cast<long long>(row),
              static_cast<long long>(column), current.c_str());
  return 1;
}

/// A matrix of rows `ld` apart inside guarded memory. The gaps of an input hold NaN, those of an output a pattern.
template <class T>
struct Matrix {
  int64_t rows, columns, ld;
  Guarded<T> memory;
  Matrix(int64_t rows_, int64_t columns_, int64_t gap)
      : rows(rows_), columns(columns_), ld(columns_ + gap), memory(rows_ > 0 ? (rows_ - 1) * ld + columns_ : 0) {}
  T* row(int64_t r) { return memory.data() + r * ld; }
  const T* row(int64_t r) const { return memory.data() + r * ld; }
  T at(int64_t r, int64_t c) const { return memory[r * ld + c]; }

  void fill(unsigned seed) {
    for (int64_t i = 0; i < memory.size(); ++i) {
      seed = seed * 1664525u + 1013904223u;
      memory[i] = i % ld < columns ? static_cast<T>(static_cast<int>(seed >> 12) - (1 << 19)) / static_cast<T>(1 << 19)
                                   : std::numeric_limits<T>::quiet_NaN();
    }
  }
  int check_gaps() const {
    for (int64_t i = 0; i < memory.size(); ++i)
      if (i % ld >= columns && !memory.untouched(i)) return fail("write between rows", i / ld, i % ld);
    return memory.intact() ? 0 : fail("write in front of the output", 0, 0);
  }
};

/// W^T (K, N) as panels, as table.hpp describes it.
template <class T>
void pack(const Matrix<T>& w, int64_t panel, Guarded<T>& packed) {
  T* out = packed.data();
  for (int64_t j0 = 0; j0 < w.columns; j0 += panel)
    for (int64_t k = 0; k < w.rows; ++k)
      for (int64_t j = j0; j < std::min(w.columns, j0 + panel); ++j) *out++ = w.at(k, j);
}

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
int check_forward(const Kernels<T>& kernels, const Problem& p, int64_t gap, bool with_bias) {
  Matrix<T> x(p.m, p.k, gap), w(p.k, p.n, 0), bias(1, p.n, 0), y(p.m, p.n, gap);
  Guarded<T> packed(p.k * p.n);
  x.fill(1), w.fill(2), bias.fill(3), pack(w, kernels.panel, packed);
  const T* b = with_bias ? bias.row(0) : nullptr;
  for (int64_t j = 0; j < p.n; j += kernels.panel) {
    const int64_t width = std::min(kernels.panel, p.n - j);
    kernels.gemm_forward(p.m, width, p.k, x.row(0), x.ld, packed.data() + j * p.k, b ? b + j : b, y.row(0) + j, y.ld);
  }
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t j = 0; j < p.n; ++j)
      if (!close(y.at(m, j), b ? b[j] : T(0), p.k, [&](int64_t k) -> long double {
            return static_cast<long double>(x.at(m, k)) * w.at(k, j);
          }))
        return fail("wrong sum", m, j);

  // every element again, alone
  Guarded<T> column(p.k), one(1);
  for (int64_t j = 0; j < p.n; j += 1 + p.n / 7)
    for (int64_t m = 0; m < p.m; ++m) {
      for (int64_t k = 0; k < p.k; ++k) column[k] = w.at(k, j);
      kernels.gemm_forward(1, 1, p.k, x.row(m), x.ld, column.data(), b ? b + j : b, one.data(), 1);
      if (!same_bits(one[0], y.at(m, j))) return fail("cutting changes the bits", m, j);
    }
  return y.check_gaps();
}

template <class T>
int check_dw(const Kernels<T>& kernels, const Problem& p, int64_t gap) {
  Matrix<T> x(p.m, p.k, gap), dy(p.m, p.n, gap);
  Guarded<T> dw(p.k * p.n), one(1);
  x.fill(4), dy.fill(5);
  for (int64_t j0 = 0; j0 < p.n; j0 += kernels.panel) {
    const int64_t width = std::min(kernels.panel, p.n - j0);
    T* out = dw.data() + j0 * p.k;
    kernels.gemm_dw(p.m, width, p.k, x.row(0), x.ld, dy.row(0) + j0, dy.ld, out);
    for (int64_t k = 0; k < p.k; ++k)
      for (int64_t j = 0; j < width; ++j) {
        const T got = out[k * width + j];
        if (!close(got, 0, p.m, [&](int64_t m) -> long double {
              return static_cast<long double>(x.at(m, k)) * dy.at(m, j0 + j);
            }))
          return fail("wrong sum", k, j0 + j);
        if (j % 5 != 0) continue;
        kernels.gemm_dw(p.m, 1, 1, x.row(0) + k, x.ld, dy.row(0) + j0 + j, dy.ld, one.data());
        if (!same_bits(one[0], got)) return fail("cutting changes the bits", k, j0 + j);
      }
  }
  return dw.intact() ? 0 : fail("write in front of the output", 0, 0);
}

template <class T>
int check_dx(const Kernels<T>& kernels, const Problem& p, int64_t gap) {
  Matrix<T> dy(p.m, p.n, gap), w(p.k, p.n, 0), dx(p.m, p.k, gap), cut(p.m, p.k, gap);
  Guarded<T> packed(p.k * p.n);
  dy.fill(6), w.fill(7), pack(w, kernels.panel, packed);
  kernels.gemm_dx(p.m, p.n, p.k, 0, p.k, dy.row(0), dy.ld, packed.data(), dx.row(0), dx.ld);
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t k = 0; k < p.k; ++k)
      if (!close(dx.at(m, k), 0, p.n, [&](int64_t j) -> long double {
            return static_cast<long double>(dy.at(m, j)) * w.at(k, j);
          }))
        return fail("wrong sum", m, k);

  // row by row, in cuts of every width; what lies outside a cut must stay as it was
  for (int64_t step = 1; step <= std::min<int64_t>(p.k, 19); ++step) {
    const int64_t k0 = (step * 5) % p.k, k1 = std::min(p.k, k0 + step), m = step % std::max<int64_t>(p.m, 1);
    if (p.m == 0) break;
    cut.memory.clear();
    kernels.gemm_dx(1, p.n, p.k, k0, k1, dy.row(m), dy.ld, packed.data(), cut.row(m), cut.ld);
    for (int64_t i = 0; i < cut.memory.size(); ++i) {
      const bool inside = i / cut.ld == m && i % cut.ld >= k0 && i % cut.ld < k1;
      if (inside ? !same_bits(cut.memory[i], dx.memory[i]) : !cut.memory.untouched(i))
        return fail("cutting changes the bits", i / cut.ld, i % cut.ld);
    }
  }
  return dx.check_gaps() | cut.check_gaps();
}

template <class T>
int check_column_sums(const Kernels<T>& kernels, const Problem& p, int64_t gap) {
  Matrix<T> x(p.m, p.n, gap);
  Guarded<T> out(p.n), one(1);
  x.fill(8);
  kernels.column_sums(p.m, p.n, x.row(0), x.ld, out.data());
  for (int64_t j = 0; j < p.n; ++j) {
    if (!close(out[j], 0, p.m, [&](int64_t m) -> long double { return x.at(m, j); })) return fail("wrong sum", 0, j);
    kernels.column_sums(p.m, 1, x.row(0) + j, x.ld, one.data());
    if (!same_bits(one[0], out[j])) return fail("cutting changes the bits", 0, j);
  }
  return out.intact() ? 0 : fail("write in front of the output", 0, 0);
}

template <class T>
int check(const Set& set, const Problem& p) {
  const Kernels<T>& kernels = set.kernels<T>();
  int failures = 0;
  for (int64_t gap : {int64_t{0}, (p.m + p.n + p.k) % 2 == 0 ? int64_t{3} : int64_t{40}}) {
    if (p.kernel == "gemm_forward") {
      failures += check_forward(kernels, p, gap, false) + check_forward(kernels, p, gap, true);
    } else if (p.kernel == "gemm_dw") {
      failures += check_dw(kernels, p, gap);
    } else if (p.kernel == "gemm_dx") {
      failures += check_dx(kernels, p, gap);
    } else {
      failures += check_column_sums(kernels, p, gap);
    }
  }
  return failures;
}

/// Aligned zeros that live as long as the benchmark of one problem.
template <class T>
struct Aligned {
  std::unique_ptr<T, void (*)(void*)> memory;
  explicit Aligned(int64_t size)
      : memory(static_cast<T*>(std::aligned_alloc(64, (static_cast<size_t>(size) * sizeof(T) + 127) / 64 * 64)),
               std::free) {
    for (int64_t i = 0; i < size; ++i) memory.get()[i] = static_cast<T>(i % 13) - T(6);
  }
  T* get() { return memory.get(); }
};

/// One whole product as a caller runs it, panel by panel.
template <class T>
struct Product {
  const Kernels<T>& kernels;
  Problem p;
  Aligned<T> x{p.m * p.k}, y{p.m * p.n}, w{p.k * p.n}, bias{p.n};

  void operator()() {
    if (p.kernel == "gemm_dx") {
      kernels.gemm_dx(p.m, p.n, p.k, 0, p.k, y.get(), p.n, w.get(), x.get(), p.k);
    } else if (p.kernel == "column_sums") {
      kernels.column_sums(p.m, p.n, y.get(), p.n, bias.get());
    } else {
      const bool forward = p.kernel == "gemm_forward";
      for (int64_t j = 0; j < p.n; j += kernels.panel) {
        const int64_t width = std::min(kernels.panel, p.n - j);
        if (forward)
          kernels.gemm_forward(p.m, width, p.k, x.get(), p.k, w.get() + j * p.k, bias.get() + j, y.get() + j, p.n);
        else kernels.gemm_dw(p.m, width, p.k, x.get(), p.k, y.get() + j, p.n, w.get() + j * p.k);
      }
    }
  }
  double operations() const {
    const double cells = static_cast<double>(p.m * p.n);
    return p.kernel == "column_sums" ? cells : 2.0 * cells * static_cast<double>(p.k);
  }
};

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
  const double operations = kernels.fma_probe(rounds, out.data());
  for (int64_t i = 0; i < kernels.lanes; ++i)
    if (!(std::fabs(out[i] - sum) <= rounds * std::numeric_limits<T>::epsilon() * sum)) return fail("sum", 0, i);
  if (operations != 2.0 * rounds * chains * static_cast<double>(kernels.lanes)) return fail("operations", 0, 0);
  return out.intact() ? 0 : fail("write in front of the output", 0, 0);
}

template <class T>
void bench(const Set& set, const Problem& p) {
  Product<T> product{set.kernels<T>(), p};
  const Timing t = time_beside_probe(set.kernels<T>(), product.operations(), product);
  std::printf("%-8s %-34s %9.3f us %8.1f Gflop/s %5.1f %% of the probe\n", set.isa, p.text().c_str(), t.best * 1e6,
              product.operations() / t.best * 1e-9, 100 * t.median_fraction);
}

int run(const std::vector<std::string>& arguments) {
  bool all = false, timed = false;
  std::string isa;
  std::vector<Problem> problems;
  for (size_t i = 0; i < arguments.size(); ++i) {
    Problem p;
    if (arguments[i] == "--all") all = true;
    else if (arguments[i] == "--bench") timed = true;
    else if (arguments[i] == "--isa" && i + 1 < arguments.size()) isa = arguments[++i];
    else if (parse(arguments[i].c_str(), p) &&
             std::find(std::begin(kKernels), std::end(kKernels), p.kernel) != std::end(kKernels)) problems.push_back(p);
    else return std::printf("not a problem: %s\n", arguments[i].c_str()), 2;
  }
  if (problems.empty()) problems = timed ? bench_problems() : all ? all_problems() : problems;

  int failures = 0, runs = 0;
  for (const Set& set : usable_sets()) {
    if (!isa.empty() && isa != set.isa) continue;
    current = std::string("--isa ") + set.isa + " --all (probe)";
    failures += check_probe(*set.f32) + check_probe(*set.f64);
    for (const Problem& p : problems) {
      current = std::string("--isa ") + set.isa + " " + p.text();
      ++runs;
      if (timed) p.f64 ? bench<double>(set, p) : bench<float>(set, p);
      else failures += p.f64 ? check<double>(set, p) : check<float>(set, p);
    }
  }
  if (!timed) std::printf("%d problems, %d failures\n", runs, failures);
  return failures || runs == 0 ? 1 : 0;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  std::signal(SIGSEGV, nncore::check::on_fault);
  std::signal(SIGBUS, nncore::check::on_fault);
  return nncore::check::run({argv + 1, argv + argc});
}
