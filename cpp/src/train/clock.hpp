/// Wall time of a fit and of its epochs.
#pragma once

#include <chrono>

namespace nncore {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace nncore
