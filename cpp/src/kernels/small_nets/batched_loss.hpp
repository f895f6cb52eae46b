/// BatchedLoss: the kernel that computes a loss for a model batch, one model in each vector lane.
#pragma once

namespace nncore {

struct ModelsOutputs;

/// No kernel: the loss, with these arguments, has none.
template <class T>
struct BatchedLoss {
  using Kernel = void (*)(const ModelsOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss, double* right);
  Kernel kernel = nullptr;
  bool labels = false;  ///< targets are labels, else values
  bool mean = true;     ///< over labels, or over all values; else the sum
  bool operator==(const BatchedLoss&) const = default;
};

}  // namespace nncore
