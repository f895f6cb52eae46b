/// Compares the softmax kernels with plain loops in long double, row by row, on arrays that end at guard pages; and
/// checks that a row's result does not depend on where the rows are cut into calls.
#include "kernels/softmax/softmax.hpp"
#include "values.hpp"

namespace nncore::check {
namespace {

using Wide = long double;

/// Ordinary rows and, if asked for, rows with -inf, +inf, NaN, large numbers, or nothing but -inf.
template <class T>
void fill_rows(Guarded<T>& z, int64_t rows, int64_t C, bool special) {
  using Limits = std::numeric_limits<T>;
  Numbers numbers(static_cast<uint64_t>(rows * 100 + C));
  numbers.fill(z, 6);
  for (int64_t r = 0; special && r < rows; ++r) {
    T* row = z.data() + r * C;
    T& one = row[static_cast<int64_t>(numbers.bits()) % C];
    switch (numbers.bits() % 12) {
      case 0: one = -Limits::infinity(); break;
      case 1: one = Limits::infinity(); break;
      case 2: one = Limits::quiet_NaN(); break;
      case 3: one = T(1000); break;
      case 4: one = T(-1000); break;
      case 5: for (int64_t c = 0; c < C; ++c) row[c] = -Limits::infinity(); break;
      case 6: for (int64_t c = 0; c < C; ++c) row[c] = T(c % 2 ? 3e30 : 3e30 - 1e24); break;
      default: break;
    }
  }
}

template <class T>
struct RowReference {
  Wide max, log_sum;
  RowReference(const T* z, int64_t C) : max(z[0]) {
    for (int64_t c = 0; c < C; ++c) max = z[c] > max || z[c] != z[c] ? z[c] : max;
    Wide sum = 0;
    for (int64_t c = 0; c < C; ++c) sum += std::exp(static_cast<Wide>(z[c]) - max);
    log_sum = std::log(sum);
  }
  Wide log_softmax(T z) const { return static_cast<Wide>(z) - max - log_sum; }
};

/// |got - want| <= tolerance eps size, or both NaN, or both the same infinity.
template <class T>
bool near(T got, Wide want, Wide size, Wide tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(want)) return static_cast<Wide>(got) == want;
  return std::fabs(got - want) <= tolerance * (static_cast<Wide>(std::numeric_limits<T>::epsilon()) * size +
                                               static_cast<Wide>(std::numeric_limits<T>::min()));
}

/// The rows again one by one, and in pieces of 2 and 5: the same bits, and nothing in front was touched.
template <class T, class Run>
int check_rows(int64_t rows, int64_t C, const Guarded<T>& whole, Guarded<T>& pieces, Run run) {
  for (int64_t step : {1, 2, 5}) {
    pieces.clear();
    for (int64_t r = 0; r < rows; r += step) run(r, r + step < rows ? step : rows - r, pieces.data() + r * C);
    for (int64_t i = 0; i < rows * C; ++i)
      if (!same_bits(whole[i], pieces[i])) return fail("cutting changes the bits", i);
  }
  return check_fronts(whole, pieces);
}

template <class T>
int check_forward(const Kernels<T>& kernels, int64_t rows, int64_t C, bool logarithm) {
  const auto kernel = logarithm ? kernels.softmax.log_forward : kernels.softmax.forward;
  Guarded<T> z(rows * C), y(rows * C), again(rows * C);
  fill_rows(z, rows, C, true);
  kernel(rows, C, z.data(), y.data());
  for (int64_t r = 0; r < rows; ++r) {
    const RowReference<T> reference(z.data() + r * C, C);
    for (int64_t c = 0; c < C; ++c) {
      const Wide log_y = reference.log_softmax(z[r * C + c]), room = 8 + static_cast<Wide>(C) / 4;
      // the rounding of z - m grows with its size and comes out as a relative error of exp(z - m)
      const Wide spread = std::isfinite(log_y) ? std::fabs(log_y) : 0;
      const bool good = logarithm ? near(y[r * C + c], log_y, 1 + spread, room)
                                  : near(y[r * C + c], std::exp(log_y), std::exp(log_y) * (1 + spread), room);
      if (!good) return fail("wrong value", r * C + c);
    }
  }
  const int failures = check_rows(rows, C, y, again, [&](int64_t r, int64_t count, T* out) {
    kernel(count, C, z.data() + r * C, out);
  });
  kernel(rows, C, z.data(), z.data());
  for (int64_t i = 0; i < rows * C; ++i)
    if (!same_bits(y[i], z[i])) return failures + fail("in place differs", i);
  return failures;
}

template <class T>
int check_backward(const Kernels<T>& kernels, int64_t rows, int64_t C, bool logarithm) {
  const auto kernel = logarithm ? kernels.softmax.log_backward : kernels.softmax.backward;
  Guarded<T> y(rows * C), dy(rows * C), dz(rows * C), again(rows * C);
  Numbers numbers(static_cast<uint64_t>(rows + C));
  numbers.fill(y, 1), numbers.fill(dy, 2);
  kernel(rows, C, y.data(), dy.data(), dz.data());
  for (int64_t r = 0; r < rows; ++r) {
    Wide sum = 0, size = 0;
    for (int64_t c = 0; c < C; ++c) {
      const Wide term = static_cast<Wide>(dy[r * C + c]) * (logarithm ? Wide(1) : y[r * C + c]);
      sum += term, size += std::fabs(term);
    }
    for (int64_t i = r * C; i < (r + 1) * C; ++i) {
      const Wide want = logarithm ? dy[i] - std::exp(static_cast<Wide>(y[i])) * sum : y[i] * (dy[i] - sum);
      if (!near(dz[i], want, 3 * size + std::fabs(dy[i]), 4 + static_cast<Wide>(C))) return fail("wrong gradient", i);
    }
  }
  const int failures = check_rows(rows, C, dz, again, [&](int64_t r, int64_t count, T* out) {
    kernel(count, C, y.data() + r * C, dy.data() + r * C, out);
  });
  kernel(rows, C, y.data(), dy.data(), dy.data());
  for (int64_t i = 0; i < rows * C; ++i)
    if (!same_bits(dz[i], dy[i])) return failures + fail("in place differs", i);
  return failures;
}

template <class T>
int check_cross_entropy(const Kernels<T>& kernels, int64_t rows, int64_t C, bool special) {
  Guarded<T> z(rows * C), dz(rows * C), again(rows * C);
  Guarded<int64_t> labels(rows);
  Guarded<double> values(rows);
  const T scale = T(0.3);
  fill_rows(z, rows, C, special);
  for (int64_t r = 0; r < rows; ++r) labels[r] = (r * 7 + rows) % C;
  const double loss = kernels.softmax.cross_entropy(rows, C, z.data(), labels.data(), scale, dz.data());
  kernels.softmax.cross_entropy_values(rows, C, z.data(), labels.data(), values.data());
  Wide want_loss = 0, size = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const RowReference<T> reference(z.data() + r * C, C);
    const Wide row_loss = -reference.log_softmax(z[r * C + labels[r]]);
    want_loss += row_loss, size += 1 + std::fabs(row_loss);
    for (int64_t c = 0; c < C; ++c) {
      const Wide log_y = reference.log_softmax(z[r * C + c]), hot = c == labels[r] ? 1 : 0;
      const Wide spread = std::isfinite(log_y) ? std::fabs(log_y) : 0;
      const Wide part = std::exp(log_y), room = 8 + static_cast<Wide>(C) / 4;
      const int64_t i = r * C + c;
      if (!near(dz[i], scale * (part - hot), part * (1 + spread) + hot, room)) return fail("wrong dz", i);
    }
    const double alone = kernels.softmax.cross_entropy(1, C, z.data() + r * C, &labels[r], scale, again.data());
    if (!near(static_cast<T>(alone), row_loss, 1 + std::fabs(row_loss), 8 + static_cast<Wide>(C) / 4))
      return fail("wrong loss of one row", r);
    if (!near(static_cast<T>(values[r]), row_loss, 1 + std::fabs(row_loss), 8 + static_cast<Wide>(C) / 4))
      return fail("wrong value of one row", r);
  }
  if (!near(static_cast<T>(loss), want_loss, size, 8 + static_cast<Wide>(C) / 4)) return fail("wrong loss", rows);
  const double without = kernels.softmax.cross_entropy(rows, C, z.data(), labels.data(), scale, nullptr);
  if (!same_bits(loss, without)) return fail("the loss without dz differs", rows);
  const int failures = check_rows(rows, C, dz, again, [&](int64_t r, int64_t count, T* out) {
    kernels.softmax.cross_entropy(count, C, z.data() + r * C, labels.data() + r, scale, out);
  });
  kernels.softmax.cross_entropy(rows, C, z.data(), labels.data(), scale, z.data());
  for (int64_t i = 0; i < rows * C; ++i)
    if (!same_bits(dz[i], z[i])) return failures + fail("in place differs", i);
  return failures;
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  const int64_t rows = p["r"], C = p["c"];
  if (p.kernel == "softmax" || p.kernel == "log_softmax")
    return check_forward(kernels, rows, C, p.kernel == "log_softmax") +
           check_backward(kernels, rows, C, p.kernel == "log_softmax");
  return check_cross_entropy(kernels, rows, C, false) + check_cross_entropy(kernels, rows, C, true);
}

std::vector<Problem> problems() {
  std::vector<Problem> all;
  for (int64_t C : {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 23, 31, 32, 33, 48, 63, 64, 65, 100, 257})
    for (int64_t rows : {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33, 50})
      for (const char* kernel : {"softmax", "log_softmax", "cross_entropy"})
        all.push_back({kernel, {{"r", rows}, {"c", C}}});
  return all;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("softmax_check", argc, argv, [](const auto&) { return problems(); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); });
}
