/// FitResult: what a fit has measured, by epoch and by step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nncore {

/// A loss and, where outputs stand for classes, the fraction classified right.
struct Evaluation {
  double loss = 0;
  std::optional<double> accuracy;  ///< none where outputs do not stand for classes; NaN where no sample counted
  std::vector<double> metrics;
};

/// One epoch. train.loss is the mean over its steps, each before its update, weighted by the batch's size, and
/// train.accuracy that of the same outputs; train.metrics are measured after the epoch. Of losses that are sums over the
/// batch, all are for a batch of the training's size, or curves of several data could not be compared.
struct EpochRecord {
  int64_t epoch = 0, steps = 0;
  Evaluation train;
  std::optional<Evaluation> validation, test;
  double rate = 0, seconds = 0;
};

/// The names of the metrics beside loss and accuracy.
using Names = std::vector<std::string>;

/// f(name, value) for each number of an evaluation.
template <class F>
void for_each_number(const std::string& prefix, const Names& names, const Evaluation& e, F f) {
  f(prefix + "loss", e.loss);
  if (e.accuracy) f(prefix + "accuracy", *e.accuracy);
  for (std::size_t i = 0; i < e.metrics.size(); ++i) f(prefix + names[i], e.metrics[i]);
}

/// f(name, value) for each number of a record that was measured.
template <class F>
void for_each_number(const EpochRecord& r, const Names& names, F f) {
  for_each_number("", names, r.train, f);
  if (r.validation) for_each_number("val_", names, *r.validation, f);
  if (r.test) for_each_number("test_", names, *r.test, f);
  f("lr", r.rate);
  f("seconds", r.seconds);
}

/// Numbers by step: all of them up to a million, then those of every second, every fourth … step.
class Trace {
 public:
  explicit Trace(int64_t first = 0) : first_(first), count_(first) {}
  void add(double value) {
    if (stride_ == 1 && values_.size() < kMaxValues) {
      ++count_;
      values_.push_back(value);
    } else {
      add_thinned(value);
    }
  }
  /// Reserves memory, so that the next `count` calls of add do not throw.
  void make_room(int64_t count) {
    const std::size_t wanted = values_.size() + static_cast<std::size_t>(count);
    if (wanted > values_.capacity()) values_.reserve(2 * wanted + 16);
  }
  void cut(int64_t count);  ///< drops all but the numbers of the first `count` steps
  const std::vector<double>& values() const { return values_; }
  int64_t stride() const { return stride_; }
  /// The step, counted from 0, that the first number belongs to; they are multiples of the stride, so that the parts
  /// of a training thin out to the same steps as the whole.
  int64_t first() const { return (first_ + stride_ - 1) / stride_ * stride_; }

 private:
  void add_thinned(double value);

  static constexpr std::size_t kMaxValues = 1000000;
  std::vector<double> values_;
  int64_t first_, count_, stride_ = 1;
};

struct FitResult {
  explicit FitResult(int64_t first_step = 0) : losses(first_step), rates(first_step), grad_norms(first_step) {}
  std::vector<EpochRecord> epochs;
  Trace losses, rates, grad_norms;
  int64_t steps = 0;
  double seconds = 0;
  bool interrupted = false;
  std::string nonfinite;  ///< what was not finite, with on_nonfinite = stop
};

}  // namespace nncore
