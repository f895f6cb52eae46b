/// Compares the products of wide panels with plain loops: inputs in lanes, some results alone, a sparse side, parts of
/// a sum; and times them.
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/sparse.hpp"
#include "kernels/gemm/dot.hpp"
#include "matrix.hpp"
#include "timing.hpp"

namespace nncore::check {
namespace {

/// W (C, K) in panels of `panel` columns, as kernels/gemm/dot.hpp describes it.
template <class T>
void pack(const Matrix<T>& w, int64_t panel, Guarded<T>& packed) {
  T* out = packed.data();
  for (int64_t k0 = 0; k0 < w.columns; k0 += panel)
    for (int64_t c = 0; c < w.rows; ++c)
      for (int64_t k = k0; k < std::min(w.columns, k0 + panel); ++k) *out++ = w.at(c, k);
}

template <class T>
int64_t wide_panel(const Kernels<T>& kernels) {
  return kWidePanel * kernels.lanes;
}

/// The nonzeros of a, as kernels/gemm/sparse.hpp describes them.
template <class T>
struct Rows {
  int64_t chunks, L;
  std::vector<int32_t> ends = {};
  std::vector<Nonzero<T>> found;

  explicit Rows(const Matrix<T>& a)
      : chunks(std::max<int64_t>(1, (a.columns + kSparseChunk - 1) / kSparseChunk)),
        L(a.columns),
        found(static_cast<size_t>(a.rows * L)) {
    for (int64_t r = 0; r < a.rows; ++r) {
      int32_t n = 0;
      for (int64_t h = 0; h < chunks; ++h) {
        ends.push_back(n);
        for (int64_t l = h * kSparseChunk; l < std::min(L, (h + 1) * kSparseChunk); ++l)
          if (a.at(r, l) != 0)
            found[static_cast<size_t>(r * L + n++)] = {a.at(r, l), static_cast<int32_t>(l % kSparseChunk)};
      }
      ends.push_back(n);
    }
  }
  /// c = a b, `width` columns.
  void times(const Kernels<T>& kernels, int64_t R, int64_t width, const T* b, int64_t ldb, T* c, int64_t ldc) const {
    for (int64_t h = 0; h < chunks; ++h, b += kSparseChunk * ldb)
      kernels.sparse.spmm(R, ends.data() + h, chunks + 1, found.data(), L, width, b, ldb, h > 0, c, ldc,
                             h + 1 < chunks ? b + kSparseChunk * ldb : nullptr);
  }
};

/// Some zeros, a row of nothing else, a row without.
template <class T>
void thin_out(Matrix<T>& a) {
  Numbers choice(9);
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t l = 0; l < a.columns; ++l)
      if (r % 5 == 1 || (r % 5 != 2 && choice.bits() % 4 != 0)) a.row(r)[l] = choice.bits() % 2 == 0 ? T(0) : -T(0);
}

/// Some results of x W^T, which has the bits of y; all else stays as it was.
template <class T>
int check_listed(const Kernels<T>& kernels, const Sizes& p, const Matrix<T>& x, const Guarded<T>& w, const T* bias,
                 const Matrix<T>& y, int64_t gap) {
  Matrix<T> wanted(p.n, p.m, 0), found(p.m, p.n, gap);
  wanted.fill(7), thin_out(wanted);
  const Rows<T> lists(wanted);
  for (int64_t m0 = 0, h = 0; m0 < p.m; m0 += kSparseChunk, ++h) {
    Matrix<T> part(std::min(kSparseChunk, p.m - m0), p.k, 0);
    for (int64_t m = 0; m < part.rows; ++m) std::copy_n(x.row(m0 + m), p.k, part.row(m));
    Guarded<T> packed(part.rows * p.k), sums(part.rows * p.n * kernels.lanes);
    pack(part, wide_panel(kernels), packed);
    kernels.sparse.sddmm(part.rows, p.n, p.k, wide_panel(kernels), lists.ends.data() + h, lists.chunks + 1,
                         lists.found.data(), lists.L, packed.data(), w.data(), bias, sums.data(), found.row(m0),
                         found.ld);
    if (check_fronts(sums) != 0) return 1;
  }
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t j = 0; j < p.n; ++j) {
      if (wanted.at(j, m) == 0 ? found.memory.untouched(m * found.ld + j) : same_bits(found.at(m, j), y.at(m, j)))
        continue;
      return fail("not what was listed", m, j);
    }
  return found.check_gaps();
}

/// As it is and in panels: the sums are right, and they are the same.
template <class T>
int check_rows(const Kernels<T>& kernels, const Sizes& p, int64_t gap, bool with_bias) {
  Matrix<T> x(p.m, p.k, gap), w(p.n, p.k, 0), bias(1, p.n, 0), y(p.m, p.n, gap), again(p.m, p.n, gap);
  Guarded<T> packed(p.n * p.k), one(1);
  x.fill(1), w.fill(2), bias.fill(3), pack(w, wide_panel(kernels), packed);
  const T* b = with_bias ? bias.row(0) : nullptr;
  kernels.dot_gemm.forward(p.m, p.n, p.k, p.k, x.row(0), x.ld, w.row(0), b, y.row(0), y.ld);
  kernels.dot_gemm.forward(p.m, p.n, p.k, wide_panel(kernels), x.row(0), x.ld, packed.data(), b, again.row(0),
                           again.ld);
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t j = 0; j < p.n; ++j) {
      if (!close_sum(y.at(m, j), b ? b[j] : T(0), p.k, [&](int64_t k) -> long double {
            return static_cast<long double>(x.at(m, k)) * w.at(j, k);
          }))
        return fail("wrong sum", m, j);
      if (!same_bits(again.at(m, j), y.at(m, j))) return fail("panels change the bits", m, j);
      kernels.dot_gemm.forward(1, 1, p.k, p.k, x.row(m), x.ld, w.row(j), b ? b + j : b, one.data(), 1);
      if (!same_bits(one[0], y.at(m, j))) return fail("cutting changes the bits", m, j);
    }
  return y.check_gaps() | again.check_gaps() | check_listed(kernels, p, x, packed, b, y, gap);
}

/// c (m, n) = a (m, k) b (k, n): right, and the sums of the dense products.
template <class T>
int check_sparse(const Kernels<T>& kernels, const Sizes& p, int64_t gap) {
  Matrix<T> a(p.m, p.k, 0), b(p.k, p.n, gap), c(p.m, p.n, gap);
  Matrix<T> dense(p.m, p.n, gap), transposed(p.k, p.m, 0);
  Guarded<T> column(p.k), one(1);
  a.fill(4), b.fill(5), thin_out(a);
  for (int64_t k = 0; k < p.k; ++k)
    for (int64_t m = 0; m < p.m; ++m) transposed.row(k)[m] = a.at(m, k);
  const Rows<T> rows(a);
  for (int64_t j = 0; j < p.n; j += wide_panel(kernels))
    rows.times(kernels, p.m, std::min(wide_panel(kernels), p.n - j), b.row(0) + j, b.ld, c.row(0) + j, c.ld);
  for (const bool columns : {false, true}) {
    const int64_t part = columns ? 7 : 64, n = std::min(p.n, wide_panel(kernels));
    for (int64_t k = 0; k == 0 || k < p.k; k += part)
      kernels.gemm.partial_product(columns, p.m, std::min(part, p.k - k), n, columns ? transposed.row(k) : a.row(0) + k,
                        columns ? p.m : p.k, b.row(k), b.ld, k > 0, dense.row(0), dense.ld);
    for (int64_t m = 0; m < p.m; ++m)
      for (int64_t j = 0; j < n; ++j)
        if (!same(dense.at(m, j), c.at(m, j))) return fail("not the sparse sum", m, j);
  }
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t j = 0; j < p.n; ++j) {
      if (!close_sum(c.at(m, j), 0, p.k, [&](int64_t k) -> long double {
            return static_cast<long double>(a.at(m, k)) * b.at(k, j);
          }))
        return fail("wrong sum", m, j);
      for (int64_t k = 0; k < p.k; ++k) column[k] = b.at(k, j);
      kernels.gemm.forward(1, 1, p.k, a.row(m), p.k, column.data(), nullptr, one.data(), 1);
      if (!same_bits(one[0], c.at(m, j))) return fail("not the dense sum", m, j);
    }
  return c.check_gaps() | dense.check_gaps();
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& problem) {
  const Sizes p(problem);
  int failures = 0;
  for (int64_t gap : {int64_t{0}, (p.m + p.n + p.k) % 2 == 0 ? int64_t{3} : int64_t{40}}) {
    if (problem.kernel == "sparse_product") failures += check_sparse(kernels, p, gap);
    else failures += check_rows(kernels, p, gap, false) + check_rows(kernels, p, gap, true);
  }
  return failures;
}

/// A matrix of which every n-th element is not zero.
template <class T>
Rows<T> every(int64_t n, int64_t rows, int64_t columns) {
  Matrix<T> a(rows, columns, 0);
  a.fill(6);
  for (int64_t i = 0; i < a.memory.size(); ++i)
    if (i % n != 0) a.memory[i] = 0;
  return Rows<T>(a);
}

template <class T>
void bench(const Kernels<T>& kernels, const Problem& problem) {
  const Sizes p(problem);
  const int64_t panel = wide_panel(kernels);
  const auto show = [&](const char* what, double operations, const auto& run) {
    const Timing t = time_beside_probe(kernels, operations, run);
    std::printf("%-8s %-34s %-12s %9.3f us %8.1f Gflop/s %5.1f %% of the probe\n", kernels.isa, problem.text().c_str(),
                what, t.best * 1e6, operations / t.best * 1e-9, 100 * t.median_fraction);
  };
  const double operations = 2.0 * static_cast<double>(p.m * p.n * p.k);
  if (problem.kernel == "gemm_rows") {
    Aligned<T> x(p.m * p.k), w(p.n * p.k), y(p.m * p.n);
    const auto in_blocks = [&](const auto& product) {
      for (int64_t j = 0; j < p.n; j += kSparseChunk) product(j, std::min(kSparseChunk, p.n - j));
    };
    for (const auto& [what, of] : {std::pair{"as it is", p.k}, std::pair{"in panels", panel}})
      show(what, operations, [&] {
        in_blocks([&](int64_t j, int64_t rows) {
          kernels.dot_gemm.forward(p.m, rows, p.k, of, x.get(), p.k, w.get() + j * p.k, nullptr, y.get() + j, p.n);
        });
      });
    if (p.m > kSparseChunk) return;
    const Rows<T> lists = every<T>(2, p.n, p.m);
    Aligned<T> sums(kSparseChunk * p.m * kernels.lanes);
    show("1 of 2", operations / 2, [&] {
      in_blocks([&](int64_t j, int64_t rows) {
        kernels.sparse.sddmm(p.m, rows, p.k, panel, lists.ends.data() + 2 * j, 2, lists.found.data() + j * p.m, p.m,
                             x.get(), w.get() + j * p.k, nullptr, sums.get(), y.get() + j, p.n);
      });
    });
    return;
  }
  Aligned<T> b(p.k * p.n), c(p.m * p.n);
  for (const int64_t n : {1, 2, 4}) {
    const Rows<T> rows = every<T>(n, p.m, p.k);
    const std::string what = "1 of " + std::to_string(n);
    show(what.c_str(), operations / static_cast<double>(n), [&] {
      for (int64_t j = 0; j < p.n; j += panel) {
        const int64_t width = std::min(panel, p.n - j);
        rows.times(kernels, p.m, width, b.get() + j * p.k, width, c.get() + j, p.n);
      }
    });
  }
}

std::vector<Problem> all_problems() {
  std::vector<Problem> all;
  for (const char* kernel : {"gemm_rows", "sparse_product"})
    for (const int64_t m : {0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 65})
      for (const int64_t n : {0, 1, 3, 4, 5, 9, 16, 17, 64, 128, 131})
        for (const int64_t k : {0, 1, 2, 15, 16, 33, 63, 64, 65, 127, 128, 129, 300})
          if (m < 13 || n < 5 || k < 66) all.push_back(product(kernel, m, n, k));
  return all;
}

std::vector<Problem> bench_problems() {
  std::vector<Problem> all;
  const int64_t shapes[][3] = {{1, 1024, 3136}, {10, 512, 1024}, {50, 1024, 3136}, {64, 10, 4096}, {200, 100, 3072}};
  for (const auto& s : shapes) all.push_back(product("gemm_rows", s[0], s[1], s[2]));
  for (const auto& s : shapes) all.push_back(product("sparse_product", s[0], s[2], s[1]));
  return all;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("wide_check", argc, argv, [](const auto&) { return all_problems(); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); },
                    [](const auto&) { return bench_problems(); },
                    [](const auto& kernels, const Problem& p) { bench(kernels, p); });
}
