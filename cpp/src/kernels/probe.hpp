/// The peak speed of a core, which kernels are compared with.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

template <class T>
struct ProbeKernels {
  /// `rounds` times s = 0.9999 s + 0.0001 in each lane of twelve registers, which begin at 0 … 11, without touching
  /// memory; out[0 … lanes) is their sum. Returns the floating-point operations of the rounds.
  double (*fma)(int64_t rounds, T* out);
};

}  // namespace nncore
