/// Numbers to feed to kernels, and comparisons of results.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "guarded.hpp"

namespace nncore::check {

/// Reproducible numbers.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2 + 1) {}
  uint64_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 20;
  }
  /// In [-size, size).
  double next(double size) { return size * (static_cast<double>(bits() % (1u << 24)) / (1 << 23) - 1); }

  /// Ordinary numbers, and now and then a special one.
  template <class T>
  void fill(Guarded<T>& x, double size, bool special = false) {
    using Limits = std::numeric_limits<T>;
    const T odd[] = {T(0), -T(0), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), Limits::denorm_min()};
    for (int64_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<T>(next(size));
      if (special && bits() % 5 == 0) x[i] = odd[bits() % 6];
    }
  }

 private:
  uint64_t state_;
};

template <class T>
void copy(const Guarded<T>& from, Guarded<T>& to) {
  for (int64_t i = 0; i < from.size(); ++i) to[i] = from[i];
}

/// Equal bits; one NaN is as good as another.
template <class T>
bool same_bits(T a, T b) {
  return (a != a && b != b) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// Equal numbers, or two NaN.
template <class T>
bool same(T a, T b) {
  return a == b || (a != a && b != b);
}

/// |a - b| <= tolerance eps |b| + tolerance * (the smallest number); NaN equals NaN, inf equals inf.
template <class T>
bool close(T a, long double b, long double tolerance) {
  if (std::isnan(b)) return std::isnan(a);
  if (std::isinf(b)) return static_cast<long double>(a) == b;
  using Limits = std::numeric_limits<T>;
  const long double error = std::fabs(static_cast<long double>(a) - b);
  return error <= tolerance * (static_cast<long double>(Limits::epsilon()) * std::fabs(b) +
                               static_cast<long double>(Limits::denorm_min()));
}

/// |got - start - sum of term(i)| <= (terms + 1) eps (|start| + sum |term(i)|), the bound of any order of the sum.
template <class T, class Term>
bool close_sum(T got, long double start, int64_t terms, Term term) {
  long double sum = start, size = std::fabs(start);
  for (int64_t i = 0; i < terms; ++i) {
    const long double t = term(i);
    sum += t;
    size += std::fabs(t);
  }
  const long double eps = std::numeric_limits<T>::epsilon();
  return std::fabs(static_cast<long double>(got) - sum) <= eps * static_cast<long double>(terms + 1) * size;
}

/// The arrays of an optimizer's state, as the kernels of updates take them.
template <class T>
struct States {
  T* each[3];
  operator T* const*() const { return each; }
};

/// Nothing was written in front of the arrays.
template <class... Arrays>
int check_fronts(const Arrays&... arrays) {
  return (arrays.intact() && ...) ? 0 : fail("write in front of an array");
}

/// The kernels by their sizes around every edge of a register and of a few of them, and some large ones.
inline std::vector<Problem> by_size(std::initializer_list<const char*> kernels) {
  std::vector<Problem> all;
  const auto add = [&](int64_t n) {
    for (const char* kernel : kernels) all.push_back({kernel, {{"n", n}}});
  };
  for (int64_t n = 0; n <= 70; ++n) add(n);
  for (int64_t n : {255, 1024, 1031}) add(n);
  return all;
}

}  // namespace nncore::check
