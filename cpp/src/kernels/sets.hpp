/// The kernel sets that have been compiled.
#pragma once

#include <vector>

#include "kernels/table.hpp"

namespace nncore {

#define NNCORE_DECLARE_SET(isa)            \
  namespace isa {                          \
  extern const Kernels<float> kTableF32;   \
  extern const Kernels<double> kTableF64;  \
  }
NNCORE_DECLARE_SET(baseline)
#ifdef NNCORE_SET_AVX2
NNCORE_DECLARE_SET(avx2)
#endif
#ifdef NNCORE_SET_AVX512
NNCORE_DECLARE_SET(avx512)
#endif
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
  // Feature by feature, as they are compiled for: older clang does not know "x86-64-v3".
#ifdef NNCORE_SET_AVX512
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512 && __builtin_cpu_supports("fma")) sets.push_back({&avx512::kTableF32, &avx512::kTableF64});
#endif
#ifdef NNCORE_SET_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back({&avx2::kTableF32, &avx2::kTableF64});
  }
#endif
  sets.push_back({&baseline::kTableF32, &baseline::kTableF64});
  return sets;
}

}  // namespace nncore
