/// The kernel sets that have been compiled.
#pragma once

#include <vector>

#include "kernels/table.hpp"

namespace nncore {

/// SET(name, whether this CPU runs it) for each compiled set, best first. CMake defines NNCORE_SET_… as 1 for a set
/// that is compiled, else as 0. Features are tested one by one: older clang does not know "x86-64-v3".
#define NNCORE_HAS(feature) __builtin_cpu_supports(feature)
#define NNCORE_EACH_SET(SET)                                                                                           \
  NNCORE_IF(NNCORE_SET_AVX512, SET(avx512, NNCORE_HAS("avx512f") && NNCORE_HAS("avx512bw") &&                          \
                                               NNCORE_HAS("avx512dq") && NNCORE_HAS("avx512vl") && NNCORE_HAS("fma"))) \
  NNCORE_IF(NNCORE_SET_AVX2, SET(avx2, NNCORE_HAS("avx2") && NNCORE_HAS("fma")))                                       \
  NNCORE_IF(1, SET(baseline, true))

#define NNCORE_IF(condition, ...) NNCORE_IF_VALUE(condition, __VA_ARGS__)
#define NNCORE_IF_VALUE(condition, ...) NNCORE_IF_##condition(__VA_ARGS__)
#define NNCORE_IF_0(...)
#define NNCORE_IF_1(...) __VA_ARGS__

#define NNCORE_DECLARE_SET(isa, usable)   \
  namespace isa {                         \
  extern const Kernels<float> kTableF32;  \
  extern const Kernels<double> kTableF64; \
  }
NNCORE_EACH_SET(NNCORE_DECLARE_SET)
#undef NNCORE_DECLARE_SET

struct KernelSet {
  const Kernels<float>* f32;
  const Kernels<double>* f64;

  const char* name() const { return f32->isa; }
  template <class T>
  const Kernels<T>& kernels() const {
    if constexpr (sizeof(T) == 4) return *f32;
    else return *f64;
  }
};

/// Those this CPU can run, best first.
inline std::vector<KernelSet> usable_sets() {
  std::vector<KernelSet> sets;
#define NNCORE_ADD_SET(isa, usable) \
  if (usable) sets.push_back({&isa::kTableF32, &isa::kTableF64});
  NNCORE_EACH_SET(NNCORE_ADD_SET)
#undef NNCORE_ADD_SET
  return sets;
}

}  // namespace nncore
