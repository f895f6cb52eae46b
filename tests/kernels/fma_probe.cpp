/// What the core can do at best: fused multiply-adds (multiply and add in the baseline) on registers alone. Compiled
/// once per instruction set, like the kernels, and run beside them to turn their speed into a fraction.
#include "kernels/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
double run_probe(int64_t rounds) {
  constexpr int chains = 12;  // enough for two units of latency 5
  Vec<T> sum[chains];
  Vec<T> a = Vec<T>::all(T(0.9999)), b = Vec<T>::all(T(1e-4));
#pragma GCC unroll 12
  for (int i = 0; i < chains; ++i) sum[i] = Vec<T>::all(T(i));
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) {
      sum[i] = fma(sum[i], a, b);
#if defined(__x86_64__)
      asm volatile("" : "+v"(sum[i].v));
#else
      asm volatile("" : "+w"(sum[i].v));
#endif
    }
  }
  return 2.0 * chains * Vec<T>::lanes * static_cast<double>(rounds);
}

}  // namespace

/// Returns the floating-point operations done.
double fma_probe_f32(int64_t rounds) { return run_probe<float>(rounds); }
double fma_probe_f64(int64_t rounds) { return run_probe<double>(rounds); }

}  // namespace nncore::NNCORE_ISA
