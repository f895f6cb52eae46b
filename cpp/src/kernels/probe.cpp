/// The peak speed of a core: fused multiply-adds (multiply and add in the baseline) on registers alone. Timed beside a
/// kernel, it gives the kernel's speed as a fraction of the peak.
#include "kernels/groups.hpp"
#include "kernels/probe.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace probe {
namespace {

// 12 chains + 2 constants = 14 registers: enough for two units of latency 5, and no more than SSE has.
template <class T>
double run(int64_t rounds, T* out) {
  constexpr int chains = 12;
  Vec<T> sum[chains];
  Vec<T> a = Vec<T>::broadcast(T(0.9999)), b = Vec<T>::broadcast(T(1e-4));
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) sum[i] = Vec<T>::broadcast(T(i));
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = in_register(fma(sum[i], a, b));  // independent chains
  }
#pragma GCC unroll 12
  for (int i = 1; i < chains; ++i) sum[0] = sum[0] + sum[i];
  sum[0].store(out);
  return 2.0 * chains * Vec<T>::lanes * static_cast<double>(rounds);
}


template <class T>
constexpr ProbeKernels<T> table() {
  return {
      .fma = run<T>,
  };
}

}  // namespace
}  // namespace probe

constinit const ProbeKernels<float> kProbeF32 = probe::table<float>();
constinit const ProbeKernels<double> kProbeF64 = probe::table<double>();

}  // namespace nncore::NNCORE_ISA
