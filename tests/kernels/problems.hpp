/// Problem strings such as gemm_forward:m10n30k784:f32, and the instruction sets this machine can run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace nncore {
#define NNCORE_SET(isa)                      \
  namespace isa {                            \
  extern const Kernels<float> kTableF32;     \
  extern const Kernels<double> kTableF64;    \
  }
NNCORE_SET(baseline)
#if defined(__x86_64__)
NNCORE_SET(avx2)
NNCORE_SET(avx512)
#endif
#undef NNCORE_SET
}  // namespace nncore

namespace nncore::check {

struct Set {
  const char* isa;
  const Kernels<float>* f32;
  const Kernels<double>* f64;

  template <class T>
  const Kernels<T>& kernels() const {
    if constexpr (sizeof(T) == 4) return *f32;
    else return *f64;
  }
};

inline std::vector<Set> usable_sets() {
  std::vector<Set> sets = {{"baseline", &baseline::kTableF32, &baseline::kTableF64}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    sets.push_back({"avx2", &avx2::kTableF32, &avx2::kTableF64});
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    sets.push_back({"avx512", &avx512::kTableF32, &avx512::kTableF64});
#endif
  return sets;
}

struct Problem {
  std::string kernel;
  int64_t m = 0, n = 0, k = 0;
  bool f64 = false;

  std::string text() const {
    return kernel + ":m" + std::to_string(m) + "n" + std::to_string(n) + "k" + std::to_string(k) +
           (f64 ? ":f64" : ":f32");
  }
};

/// False if the text is not a problem.
inline bool parse(const char* text, Problem& p) {
  char kernel[32], type[8];
  long long m, n, k;
  if (std::sscanf(text, "%31[a-z_0-9]:m%lldn%lldk%lld:%7s", kernel, &m, &n, &k, type) != 5) return false;
  p = {kernel, m, n, k, std::string(type) == "f64"};
  return m >= 0 && n >= 0 && k >= 0 && (p.f64 || std::string(type) == "f32");
}

inline const char* const kKernels[] = {"gemm_forward", "gemm_dw", "gemm_dx", "column_sums"};

/// Sizes around every edge a tile or a vector can have, then shapes of real networks.
inline std::vector<Problem> all_problems() {
  const int64_t edges[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 29, 31, 32, 33, 63, 64, 65};
  const int64_t few[] = {0, 3, 17};
  const int64_t real[][3] = {{1, 20, 2},   {160, 20, 2},   {16, 2, 20},    {10, 30, 784}, {10, 10, 30},
                             {5, 100, 300}, {43, 129, 70}, {200, 100, 192}, {3, 31, 1024}, {20, 40, 2048}};
  std::vector<Problem> problems;
  for (const char* kernel : kKernels) {
    const bool no_k = std::string(kernel) == "column_sums";
    for (bool f64 : {false, true}) {
      const auto add = [&](int64_t m, int64_t n, int64_t k) {
        if (!no_k || k == 0) problems.push_back({kernel, m, n, k, f64});
      };
      for (int64_t a : edges)
        for (int64_t b : edges)
          for (int64_t c : few) add(a, b, c), add(c, b, a), add(a, c, b);
      for (const auto& s : real) add(s[0], s[1], no_k ? 0 : s[2]);
    }
  }
  return problems;
}

/// The shapes that are timed.
inline std::vector<Problem> bench_problems() {
  const int64_t shapes[][3] = {{1, 20, 2},     {16, 20, 2},    {160, 20, 2},   {1, 2, 20},      {16, 2, 20},
                               {160, 2, 20},   {10, 10, 30},   {10, 30, 784},  {64, 30, 784},   {1, 512, 784},
                               {10, 512, 784}, {64, 512, 784}, {10, 256, 512}, {64, 256, 512},  {64, 128, 256},
                               {64, 64, 128},  {64, 10, 64},   {200, 100, 3072}, {64, 1024, 1024}};
  std::vector<Problem> problems;
  for (const char* kernel : kKernels)
    for (bool f64 : {false, true})
      for (const auto& s : shapes) problems.push_back({kernel, s[0], s[1], s[2], f64});
  return problems;
}

}  // namespace nncore::check
