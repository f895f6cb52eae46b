/// Trainer: the epoch loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nncore/data.hpp"
#include "nncore/metric.hpp"
#include "nncore/monitor.hpp"
#include "nncore/plan.hpp"

namespace nncore {

enum class OnNonfinite { raise, stop, ignore };

struct TrainerOptions {
  int64_t batch_size = 32;  ///< 0: all samples at once
  bool shuffle = true;
  uint64_t seed = 0;
  bool drop_last = false;
  OnNonfinite on_nonfinite = OnNonfinite::raise;
  int num_threads = 0;  ///< 0: as many as nncore uses
  GradientOptions gradient;
  Augmentation augmentation;
};

/// A loss and, where outputs stand for classes, the fraction classified right.
struct Evaluation {
  double loss = 0;
  double accuracy = -1;  ///< -1: the loss has no notion of it
  std::vector<double> metrics;
};

/// What is measured beside the loss: the accuracy, if there are classes, and others.
template <class T>
struct RequestedMetrics {
  bool accuracy = false;
  std::vector<Metric<T>> metrics;
};

/// One epoch. train.loss is the mean over its steps, each before its update, weighted by the batch's size, and
/// train.accuracy that of the same outputs; train.metrics are measured after the epoch.
struct EpochRecord {
  int64_t epoch = 0, steps = 0;
  Evaluation train;
  std::optional<Evaluation> validation, test;
  double rate = 0, seconds = 0;
};

/// The names of the metrics beside loss and accuracy.
using Names = std::vector<std::string>;
template <class T>
Names names_of(const RequestedMetrics<T>& requested) {
  Names names;
  for (const Metric<T>& metric : requested.metrics) names.push_back(metric.name);
  return names;
}

/// f(name, value) for each number of an evaluation.
template <class F>
void for_each_number(const std::string& prefix, const Names& names, const Evaluation& e, F f) {
  f(prefix + "loss", e.loss);
  if (e.accuracy >= 0) f(prefix + "accuracy", e.accuracy);
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
      thin(value);
    }
  }
  /// Makes the next `count` calls of add ones that cannot fail.
  void make_room(int64_t count) {
    const std::size_t wanted = values_.size() + static_cast<std::size_t>(count);
    if (wanted > values_.capacity()) values_.reserve(2 * wanted + 16);
  }
  void cut(int64_t count);  ///< forgets all but the numbers of the first `count` steps
  const std::vector<double>& values() const { return values_; }
  int64_t stride() const { return stride_; }
  /// The step, counted from 0, that the first number belongs to; they are multiples of the stride, so that the parts
  /// of a training thin out to the same steps as the whole.
  int64_t first() const { return (first_ + stride_ - 1) / stride_ * stride_; }

 private:
  void thin(double value);

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

/// How many samples were classified right, of how many that have a class; counted is 0 where the loss has none.
struct Score {
  int64_t correct = 0, counted = 0;
  double accuracy() const { return counted == 0 ? -1 : static_cast<double>(correct) / static_cast<double>(counted); }
};

/// The epoch under way: the steps of it that are done, and the sums its record is made of. A fit may end anywhere in
/// an epoch; the next one goes on from here, and the record is that of an epoch done in one go.
struct Cursor {
  int64_t samples = 0;  ///< of the data the epoch goes through
  int64_t step = 0;     ///< steps done
  double loss_sum = 0;  ///< each step's loss times its samples
  int64_t seen = 0;     ///< samples
  Score score;
  double rate = 0, seconds = 0;  ///< at its start; spent on it

  double loss() const { return seen == 0 ? 0 : loss_sum / static_cast<double>(seen); }
};

/// All a trainer remembers from one call to the next, beside the model and the optimizer.
struct TrainerState {
  int64_t epoch = 0;        ///< epochs done
  Cursor cursor;            ///< of the one that comes after them
  uint32_t manual_steps = 0;  ///< calls of step() since the last epoch
};

/// How far a fit goes: for so many steps or, with steps < 0, to the end of so many epochs.
struct FitLength {
  int64_t epochs = 0, steps = -1;
};

/// Where a fit stands, for those who watch it.
struct Progress {
  int64_t epoch, epochs, step, steps_per_epoch;
  double loss;
};

/// Watches a fit from outside the step. Every method may throw: the fit then ends with a usable model.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual bool poll(const Progress&) = 0;            ///< at a step boundary, some 20 ms apart; true: stop
  virtual bool wants_epochs() const = 0;             ///< is epoch_done to be called?
  virtual bool epoch_done(const EpochRecord&) = 0;   ///< true: stop
  virtual std::vector<SamplingInterval> sampling_intervals() const { return {}; }  ///< when it wants observations
  /// Within an epoch: the model is not to be used.
  virtual void observed(const Observation&, const std::vector<std::string>& /*names*/) {}
};

template <class T>
class ModelBatch;

template <class T>
class Trainer {
 public:
  Trainer(Model<T>& model, std::unique_ptr<Loss<T>> loss, Optimizer<T>& optimizer, const TrainerOptions& options);

  /// Trains on from the cursor; an epoch begun with another number of samples is begun again. The data have been
  /// checked against the model and the loss.
  void fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
           const std::optional<Dataset<T>>& test, const FitLength& length, const RequestedMetrics<T>& requested,
           Observer& observer);
  /// What the last fit, or the one under way, has brought so far; whatever ended it.
  const FitResult& result() const { return result_; }
  void clear_result() { result_ = FitResult(); }
  /// One update on one batch; the loss with penalties before it. Throws NumericError.
  double step(const Dataset<T>& batch);
  Evaluation evaluate(const Dataset<T>& data, const RequestedMetrics<T>& requested);

  Loss<T>& loss() { return *loss_; }
  const Plan<T>* plan() const { return plan_.get(); }  ///< null before the first step
  const TrainerState& state() const { return state_; }
  void set_state(const TrainerState& state) { state_ = state; }

 private:
  friend class ModelBatch<T>;
  static constexpr int64_t kSnapshotEvery = 1000;

  struct Run;  ///< what one fit or one step works on
  Plan<T>& plan_for(const Shape& sample, int64_t batch);
  void run_epoch(Run& run, Observer& observer);
  void poll(Run& run, Observer& observer, double loss);
  void begin_epoch(const Run& run);
  void end_epoch(const Run& run);
  int64_t steps_at_once(const Run& run) const;
  int64_t gather(const Run& run, uint32_t step, int64_t steps);
  bool observation_due(const Run& run) const;
  void observe(Run& run);
  void notify(const Run& run, Observer& observer);
  Pass pass_of(uint32_t step) const;
  void run_steps(const Run& run, uint32_t step, int64_t steps);
  void count_step(int64_t samples, double loss);
  void count_score(const Run& run);
  void notify_schedule(Run& run, const EpochRecord& record, const RequestedMetrics<T>& requested);
  void save_snapshot();
  void guarded_steps(const Run& run, uint32_t step, int64_t steps);
  int64_t rewind();
  void fail(Run& run, Observer& observer);
  std::string replay(const Run& run, int64_t steps);
  std::string repeat_step(const Run& run, uint32_t step);
  std::string name_nonfinite(uint32_t step);
  int64_t batch_size(int64_t N) const;

  Model<T>& model_;
  std::unique_ptr<Loss<T>> loss_;
  Optimizer<T>& optimizer_;
  TrainerOptions options_;
  std::unique_ptr<Plan<T>> plan_;
  SampleBatch<T> samples_;
  TargetBatch<T> targets_;
  const T* x_ = nullptr;  ///< samples and targets of the steps under way
  Target<T> y_;
  /// All that a step changes, at a step boundary.
  struct Snapshot {
    Buffer<T> values;
    int64_t t = 0, steps = 0;  ///< the optimizer's count; steps of the fit before it
    TrainerState state;
    std::map<std::string, double> schedule;
  };
  Snapshot snapshot_;
  std::vector<StepResult> steps_;  ///< what they came to
  Buffer<T> previous_, outputs_;
  std::vector<int64_t> order_;
  TrainerState state_;
  FitResult result_;
};

/// Adds the rows of z to the score, as the link reads outputs; labels that are no class (ignored ones) do not count.
template <class T>
void add_score(Link link, View<const T> z, const Target<T>& y, Score& score);

}  // namespace nncore
