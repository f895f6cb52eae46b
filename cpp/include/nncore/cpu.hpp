/// Which kernel sets there are: "baseline", "avx2", "avx512".
#pragma once

#include <string>
#include <vector>

namespace nncore {

const char* kernel_set();                ///< the one in use; throws ConfigError if NNCORE_ISA names none that runs here
std::vector<std::string> kernel_sets();  ///< those this CPU can run, best first

}  // namespace nncore
