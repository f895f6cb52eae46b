/// The products with samples in lanes against plain loops, in guarded memory: `lanes_check` tries every size around
/// the edges of registers and tiles, in every instruction set of this machine.
#include <csignal>
#include <cstdio>

#include "guarded.hpp"
#include "problems.hpp"
#include "sums.hpp"

namespace nncore::check {
namespace {

struct Size {
  const char* isa;
  int64_t N, C, K;
  bool f64;
} now;

int fail(const char* what, int64_t row, int64_t column) {
  std::printf("FAIL %s at [%lld, %lld]: %s N=%lld C=%lld K=%lld %s\n", what, static_cast<long long>(row),
              static_cast<long long>(column), now.isa, static_cast<long long>(now.N), static_cast<long long>(now.C),
              static_cast<long long>(now.K), now.f64 ? "f64" : "f32");
  return 1;
}

void on_fault(int) {
  fail("access outside an array", 0, 0);
  std::fflush(stdout);
  std::_Exit(1);
}

/// Numbers in [-1, 1).
template <class T>
void fill(Guarded<T>& memory, unsigned seed) {
  for (int64_t i = 0; i < memory.size(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    memory[i] = static_cast<T>(static_cast<int>(seed >> 12) - (1 << 19)) / static_cast<T>(1 << 19);
  }
}

/// out[r, c] == start(r) + sum over i < terms of term(r, c, i), for all r < rows, c < columns.
template <class T, class Start, class Term>
int compare(const char* what, const Guarded<T>& out, int64_t rows, int64_t columns, int64_t terms, Start start, Term term) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      if (!close(out[r * columns + c], start(r), terms, [&](int64_t i) { return static_cast<long double>(term(r, c, i)); }))
        return fail(what, r, c);
  return out.intact() ? 0 : fail("write in front of the output", 0, 0);
}

template <class T>
int check_products(const Kernels<T>& kernels, int64_t N, int64_t C, int64_t K) {
  Guarded<T> x(K * N), w(C * K), bias(C), dy(C * N), y(C * N), dx(K * N), dw(C * K), db(C);
  fill(x, 1), fill(w, 2), fill(bias, 3), fill(dy, 4);
  const auto zero = [](int64_t) { return T(0); };
  kernels.lanes_forward(N, C, K, N, x.data(), w.data(), bias.data(), y.data());
  kernels.lanes_dx(N, C, K, N, dy.data(), w.data(), dx.data());
  kernels.lanes_dw(N, C, K, N, x.data(), dy.data(), dw.data());
  kernels.lanes_db(N, C, N, dy.data(), db.data());
  int failures = compare("y", y, C, N, K, [&](int64_t c) { return bias[c]; },
                         [&](int64_t c, int64_t n, int64_t k) { return static_cast<long double>(w[c * K + k]) * x[k * N + n]; });
  failures += compare("dx", dx, K, N, C, zero,
                      [&](int64_t k, int64_t n, int64_t c) { return static_cast<long double>(w[c * K + k]) * dy[c * N + n]; });
  failures += compare("dw", dw, C, K, N, zero,
                      [&](int64_t c, int64_t k, int64_t n) { return static_cast<long double>(dy[c * N + n]) * x[k * N + n]; });
  failures += compare("db", db, C, 1, N, zero, [&](int64_t c, int64_t, int64_t n) { return dy[c * N + n]; });
  kernels.lanes_forward(N, C, K, N, x.data(), w.data(), nullptr, y.data());
  failures += compare("y without bias", y, C, N, K, zero,
                      [&](int64_t c, int64_t n, int64_t k) { return static_cast<long double>(w[c * K + k]) * x[k * N + n]; });
  return failures;
}

/// There and back; padding is zero.
template <class T>
int check_turning(const Kernels<T>& kernels, int64_t N, int64_t F) {
  const int64_t padded = (N + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  Guarded<T> x(N * F), turned(F * padded), back(N * F);
  fill(x, 5);
  kernels.to_lanes(N, F, x.data(), padded, turned.data());
  kernels.from_lanes(N, F, turned.data(), padded, back.data());
  for (int64_t f = 0; f < F; ++f)
    for (int64_t n = 0; n < padded; ++n)
      if (turned[f * padded + n] != (n < N ? x[n * F + f] : T(0))) return fail("to_lanes", f, n);
  for (int64_t i = 0; i < N * F; ++i)
    if (back[i] != x[i]) return fail("from_lanes", i / F, i % F);
  return turned.intact() && back.intact() ? 0 : fail("write in front of the output", 0, 0);
}

template <class T>
int check(const Set& set) {
  const Kernels<T>& kernels = set.kernels<T>();
  const int64_t edges[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 20, 31, 33};
  int failures = 0;
  for (int64_t registers : {1, 2, 3, 4, 5, 6, 7, 10})
    for (int64_t C : edges)
      for (int64_t K : edges) {
        now = {set.isa, registers * kernels.lanes, C, K, sizeof(T) == 8};
        failures += check_products(kernels, now.N, C, K);
      }
  for (int64_t N = 1; N <= 3 * kernels.lanes + 1; ++N)
    for (int64_t F : edges) {
      now = {set.isa, N, F, 0, sizeof(T) == 8};
      failures += check_turning(kernels, N, F);
    }
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
