/// Samples and targets as the trainer reads them: rows of the arrays given to fit, gathered by index.
#pragma once

#include <cstdint>

#include "nncore/buffer.hpp"
#include "nncore/loss.hpp"
#include "nncore/model.hpp"
#include "nncore/rng.hpp"
#include "nncore/view.hpp"

namespace nncore {

/// N samples: numbers of the model's type, or bytes or doubles that its Normalize turns into such; one pointer is set.
template <class T>
struct Samples {
  const T* values = nullptr;
  const uint8_t* bytes = nullptr;
  const double* doubles = nullptr;
  Shape shape;                 ///< (N, …)
  bool is_normalized = false;  ///< the values are what the first layer gets
};

template <class T>
struct Dataset {
  Samples<T> x;
  Target<T> y;
  int64_t size() const { return x.shape[0]; }
};

/// The samples of one batch: `count` of them, in the given order or, without one, from `first` on.
struct BatchIndices {
  const int64_t* order = nullptr;
  int64_t first = 0, count = 0;
  int64_t operator[](int64_t i) const { return order != nullptr ? order[i] : first + i; }
};

/// Random moves of training images: padded with so many zeros and cropped at random; mirrored with probability 1/2.
struct Augmentation {
  int64_t crop_padding = 0;
  bool flip = false;
  explicit operator bool() const { return crop_padding > 0 || flip; }
};

/// n numbers of whole samples, normalised in double and rounded then: float would lose the digits in which times in
/// seconds differ. A number that T holds gets the same bits as from the kernel, in whatever type it comes.
template <class T>
void normalize_exactly(const Normalization<T>& norm, int64_t n, const double* x, T* y);

/// Gathers samples for the model, normalised and contiguous; samples that are so already are not copied.
template <class T>
class SampleBatch {
 public:
  /// Valid until the next call.
  const T* gather(const Model<T>& model, const Samples<T>& x, const BatchIndices& indices);
  /// The same for images (N, C, H, W), each moved as the stream decides.
  const T* gather_moved(const Model<T>& model, const Samples<T>& x, const BatchIndices& indices,
                        const Augmentation& augmentation, const Stream& stream);

 private:
  void normalize(const Normalization<T>& norm, int64_t D, const T* x, T* y) const;
  void normalize(const Normalization<T>& norm, int64_t D, const uint8_t* x, T* y) const;

  Buffer<T> values_, moved_;
  Buffer<uint8_t> moved_bytes_;
  Buffer<double> moved_doubles_;
};

template <class T>
class TargetBatch {
 public:
  /// Valid until the next call.
  Target<T> gather(const Target<T>& y, const BatchIndices& indices);

 private:
  Buffer<int64_t> labels_;
  Buffer<T> values_;
  Buffer<double> weights_;
};

}  // namespace nncore
