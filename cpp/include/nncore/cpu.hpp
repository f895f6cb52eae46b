/// Which kernel sets there are, "baseline", "avx2", "avx512", and what the machine can do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nncore {

const char* kernel_set();                ///< the one in use; throws ConfigError if NNCORE_ISA names none that runs here
std::vector<std::string> kernel_sets();  ///< those this CPU can run, best first

/// Floating-point operations a second that one core does at best with the kernel set in use; T float or double.
template <class T>
double fma_rate(int64_t rounds);

}  // namespace nncore
