/// Numbers to feed to kernels, comparisons of results, and a failure line that says where.
#pragma once

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "guarded.hpp"

namespace nncore::check {

/// What runs now: printed by a failure and by a fault.
inline std::string& current() {
  static std::string text;
  return text;
}

inline int fail(const char* what, int64_t place) {
  std::printf("FAIL %s: %s at %lld\n", current().c_str(), what, static_cast<long long>(place));
  return 1;
}

/// A touched guard page ends the program with the name of the problem.
inline void report_faults() {
  const auto handler = [](int) {
    fail("access outside an array", 0);
    std::fflush(stdout);
    std::_Exit(1);
  };
  std::signal(SIGSEGV, handler);
  std::signal(SIGBUS, handler);
}

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

/// Sizes around every edge of a register and of a few of them, and some large ones.
inline std::vector<int64_t> sizes() {
  std::vector<int64_t> all;
  for (int64_t n = 0; n <= 70; ++n) all.push_back(n);
  all.insert(all.end(), {255, 1024, 1031});
  return all;
}

}  // namespace nncore::check
