/// The products of feature-major arrays against plain loops, in guarded memory: every size around the edges of
/// registers and tiles.
#include "kernels/gemm/feature_major.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

/// out[r, c] == start(r) + sum over i < terms of term(r, c, i), for all r < rows, c < columns.
template <class T, class Start, class Term>
int compare(const char* what, const Guarded<T>& out, int64_t rows, int64_t columns, int64_t terms, Start start,
            Term term) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      if (!close_sum(out[r * columns + c], start(r), terms,
                     [&](int64_t i) { return static_cast<long double>(term(r, c, i)); }))
        return fail(what, r, c);
  return check_fronts(out);
}

template <class T>
int check_products(const Kernels<T>& kernels, int64_t N, int64_t C, int64_t K) {
  Guarded<T> x(K * N), w(C * K), bias(C), dy(C * N), y(C * N), dx(K * N), dw(C * K), db(C);
  Numbers numbers(1);
  for (Guarded<T>* array : {&x, &w, &bias, &dy}) numbers.fill(*array, 1);
  const auto zero = [](int64_t) { return T(0); };
  kernels.feature_major.forward(N, C, K, N, x.data(), w.data(), bias.data(), y.data());
  kernels.feature_major.input_gradient(N, C, K, N, dy.data(), w.data(), dx.data());
  kernels.feature_major.weight_gradient(N, C, K, N, x.data(), dy.data(), dw.data());
  kernels.feature_major.bias_gradient(N, C, N, dy.data(), db.data());
  int failures = compare(
      "y", y, C, N, K, [&](int64_t c) { return bias[c]; },
      [&](int64_t c, int64_t n, int64_t k) { return static_cast<long double>(w[c * K + k]) * x[k * N + n]; });
  failures += compare("dx", dx, K, N, C, zero, [&](int64_t k, int64_t n, int64_t c) {
    return static_cast<long double>(w[c * K + k]) * dy[c * N + n];
  });
  failures += compare("dw", dw, C, K, N, zero, [&](int64_t c, int64_t k, int64_t n) {
    return static_cast<long double>(dy[c * N + n]) * x[k * N + n];
  });
  failures += compare("db", db, C, 1, N, zero, [&](int64_t c, int64_t, int64_t n) { return dy[c * N + n]; });
  kernels.feature_major.forward(N, C, K, N, x.data(), w.data(), nullptr, y.data());
  failures += compare("y without bias", y, C, N, K, zero, [&](int64_t c, int64_t n, int64_t k) {
    return static_cast<long double>(w[c * K + k]) * x[k * N + n];
  });
  return failures;
}

/// There and back; padding is zero.
template <class T>
int check_turning(const Kernels<T>& kernels, int64_t N, int64_t F) {
  const int64_t padded = (N + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  Guarded<T> x(N * F), transposed(F * padded), back(N * F);
  Numbers(5).fill(x, 1);
  kernels.feature_major.to_feature_major(N, F, x.data(), padded, transposed.data());
  kernels.feature_major.to_batch_major(N, F, transposed.data(), padded, back.data());
  for (int64_t f = 0; f < F; ++f)
    for (int64_t n = 0; n < padded; ++n)
      if (transposed[f * padded + n] != (n < N ? x[n * F + f] : T(0))) return fail("to_feature_major", f, n);
  for (int64_t i = 0; i < N * F; ++i)
    if (back[i] != x[i]) return fail("from_lanes", i / F, i % F);
  return check_fronts(transposed, back);
}

std::vector<Problem> problems(int64_t lanes) {
  const int64_t edges[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 20, 31, 33};
  std::vector<Problem> all;
  for (int64_t registers : {1, 2, 3, 4, 5, 6, 7, 10})
    for (int64_t C : edges)
      for (int64_t K : edges) all.push_back({"lanes_products", {{"n", registers * lanes}, {"c", C}, {"k", K}}});
  for (int64_t N = 1; N <= 3 * lanes + 1; ++N)
    for (int64_t F : edges) all.push_back({"lanes_turn", {{"n", N}, {"f", F}}});
  return all;
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  if (p.kernel == "lanes_turn") return check_turning(kernels, p["n"], p["f"]);
  return check_products(kernels, p["n"], p["c"], p["k"]);
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("feature_major_check", argc, argv, [](const auto& kernels) { return problems(kernels.lanes); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
