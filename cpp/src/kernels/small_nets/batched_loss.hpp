/// BatchedLoss: the kernel that computes a loss for a model batch, one model in each vector lane.
#pragma once

#include "kernels/small_nets/model_batch.hpp"

namespace nncore {

/// No kernel: the loss, with these arguments, has none.
template <class T>
struct BatchedLoss {
  ModelBatchLoss<T> kernel = nullptr;
  bool labels = false;  ///< targets are labels, else values
  bool mean = true;     ///< over labels, or over all values; else the sum
  bool operator==(const BatchedLoss&) const = default;
};

}  // namespace nncore
