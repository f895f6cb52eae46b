/// Dropout, with masks from counter-based random numbers (nncore/rng.hpp): nothing is stored for backward.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// Which random words: those of a Stream (nncore/rng.hpp).
struct RandomWords {
  uint32_t key[2], epoch, step;
};

template <class T>
struct DropoutKernels {
  /// y = scale x for those of the elements first, first + 1, … whose word is not below `least`, 0 for the others:
  /// forward of x, and backward of dy.
  void (*apply)(int64_t first, int64_t n, const RandomWords& random, uint32_t least, T scale, const T* x, T* y);
};

}  // namespace nncore
