/// Samples and targets as the trainer reads them: rows of the user's own arrays, taken by index.
#pragma once

#include <cstdint>

#include "nncore/buffer.hpp"
#include "nncore/loss.hpp"
#include "nncore/model.hpp"
#include "nncore/view.hpp"

namespace nncore {

/// N samples: numbers of the model's type, or bytes that its Normalize turns into numbers.
template <class T>
struct Samples {
  const T* values = nullptr;
  const uint8_t* bytes = nullptr;
  Shape shape;  ///< (N, …)
};

template <class T>
struct Dataset {
  Samples<T> x;
  Target<T> y;
  int64_t size() const { return x.shape[0]; }
};

/// Gathers the samples rows[0..count), normalised, into `to`. rows == nullptr stands for `first`, first + 1, …
template <class T>
void gather_samples(const Model<T>& model, const Samples<T>& x, const int64_t* rows, int64_t first, int64_t count, T* to);

/// Gathers targets of the same rows; the memory is this object's and stays valid until the next call.
template <class T>
class TargetBatch {
 public:
  Target<T> gather(const Target<T>& y, const int64_t* rows, int64_t first, int64_t count);

 private:
  Buffer<int64_t> labels_;
  Buffer<T> values_;
};

}  // namespace nncore
