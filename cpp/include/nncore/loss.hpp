/// Loss: a number and its gradient. The mean over the batch, and so the 1/N, or the 1/Σ s of samples with weights s, is
/// part of it: layers and optimizers never divide by N. (ModelBatch, whose kernels return sums, applies the same factor.)
#pragma once

#include <algorithm>
#include <numeric>
#include <optional>

#include "nncore/error.hpp"
#include "nncore/registry.hpp"
#include "nncore/view.hpp"

namespace nncore {

/// The targets: integer labels (N,) or values, one pointer is set; and what each sample counts.
template <class T>
struct Target {
  const int64_t* labels = nullptr;
  const T* values = nullptr;
  Shape shape;
  const double* weights = nullptr;  ///< of the N samples, finite and >= 0; null: all are 1

  double weight(int64_t n) const { return weights == nullptr ? 1.0 : weights[n]; }
  double total_weight() const {
    return weights == nullptr ? static_cast<double>(shape[0]) : std::accumulate(weights, weights + shape[0], 0.0);
  }
  bool any_weight() const {
    return weights == nullptr || std::any_of(weights, weights + shape[0], [](double s) { return s > 0; });
  }
  /// Label or value n as a number.
  double number(int64_t n) const {
    return labels != nullptr ? static_cast<double>(labels[n]) : static_cast<double>(values[n]);
  }
};

/// How the model's raw outputs become probabilities or labels; sign: one output by its sign, several by the largest.
enum class Link { identity, softmax, log_softmax, sigmoid, sign };

template <class T>
struct BatchedLoss;  // kernels/small_nets/batched_loss.hpp

template <class T>
class Loss {
 public:
  virtual ~Loss() = default;

  /// Does the loss take integer labels where it is given integers?
  virtual bool takes_labels() const { return false; }
  virtual Link link() const { return Link::identity; }
  /// The label of samples that do not count, if there is one.
  virtual std::optional<int64_t> ignored_label() const { return std::nullopt; }
  /// Does any of these targets count: has it a label that is not ignored, and a weight? Where none does, a mean is NaN,
  /// its gradient 0, and a training step takes the loss as 0.
  virtual bool any_counts(const Target<T>& y) const { return y.any_weight(); }
  /// Is the loss of each of these samples -log softmax(z)[label]: no weights, no smoothing, no ignored label?
  virtual bool is_cross_entropy(const Target<T>&) const { return false; }
  /// Is it a sum over the batch, as with reduction="sum", and no mean?
  virtual bool sums() const { return false; }
  /// Is it written in Python? Its code may throw in the middle of a step.
  virtual bool user_defined() const { return false; }
  /// The kernel for a model batch; null in it: there is none for the loss with these arguments.
  virtual BatchedLoss<T> batched() const;
  /// Compares shapes exactly and checks every label; throws ShapeError or ConfigError. Done once, at the border.
  virtual void check(const Shape& z, const Target<T>& y) const = 0;
  /// The value for outputs z (N, …); its gradient goes to dz unless that is null. z and y passed check.
  virtual double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) = 0;
};

/// A value for each row of one output, (N,) for z (N, 1), as the values like z that they are. A loss written in Python
/// gets targets as they were given.
template <class T>
Target<T> like_outputs(const Loss<T>& loss, const Shape& z, const Target<T>& y);

/// Throws unless z is (N, C) and the labels are (N,) with 0 <= label < C (or label == ignored).
template <class T>
void check_labels(const char* where, const Shape& z, const Target<T>& y, const int64_t* ignored = nullptr);
/// Throws unless z is (N, 1) and y, (N,) or like z, holds -1 and 1 alone.
template <class T>
void check_signs(const char* where, const Shape& z, const Target<T>& y);
/// Throws unless y has exactly the shape of z.
template <class T>
void check_values(const char* where, const Shape& z, const Target<T>& y);

}  // namespace nncore
