/// Trainer: the epoch loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nncore/data.hpp"
#include "nncore/fit_result.hpp"
#include "nncore/metric.hpp"
#include "nncore/observer.hpp"
#include "nncore/plan.hpp"
#include "nncore/reading.hpp"

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

  /// How many of N samples one step takes.
  int64_t batch_of(int64_t N) const { return batch_size == 0 ? N : std::min(batch_size, N); }
  /// How many steps go through N samples once.
  int64_t steps_per_epoch(int64_t N) const {
    const int64_t batch = batch_of(N);
    return drop_last ? N / batch : (N + batch - 1) / batch;
  }
};

/// What is measured beside the loss: the accuracy, if there are classes, and others.
template <class T>
struct RequestedMetrics {
  bool accuracy = false;
  std::vector<Metric<T>> metrics;
  bool accuracy_required = false;  ///< asked for by name: an error where it cannot be measured
  Reading reading = {};            ///< of the outputs, for the accuracy
  Interpretation meaning = {};     ///< of the outputs, for the metrics

  RequestedMetrics without_accuracy() const { return {false, metrics, false, reading, meaning}; }
  /// Nothing where it is not measured; NaN where no sample counted.
  std::optional<double> accuracy_of(const Score& score) const {
    if (!accuracy || reading.kind == Reading::Kind::values) return std::nullopt;
    return score.accuracy();
  }
};
template <class T>
Names names_of(const RequestedMetrics<T>& requested) {
  Names names;
  for (const Metric<T>& metric : requested.metrics) names.push_back(metric.name);
  return names;
}

/// The epoch under way: its steps done and the sums its record is made of. A fit may end within an epoch; the next one
/// goes on from here, and the record is that of an epoch without a break.
struct Cursor {
  int64_t samples = 0;  ///< of the data the epoch goes through
  int64_t step = 0;     ///< steps done
  double loss_sum = 0;  ///< each step's loss times its samples, or the sum of their weights
  double seen = 0;      ///< samples, or the sum of their weights
  Score score;
  double rate = 0, seconds = 0;  ///< at its start; spent on it

  double loss() const { return seen == 0 ? 0 : loss_sum / seen; }
};

/// All that a trainer keeps from one call to the next, beside the model and the optimizer.
struct TrainerState {
  int64_t epoch = 0;          ///< epochs done
  Cursor cursor;              ///< of the one that comes after them
  uint32_t manual_steps = 0;  ///< calls of step() since the last epoch
};

/// How far a fit goes: for so many steps or, with steps < 0, to the end of so many epochs.
struct FitLength {
  int64_t epochs = 0, steps = -1;
};

/// The parts of a trainer that a ModelBatch reads and, at the end of its fit, writes.
template <class T>
struct TrainerView {
  Model<T>& model;
  Loss<T>& loss;
  Optimizer<T>& optimizer;
  const TrainerOptions& options;
  TrainerState& state;
  FitResult& result;
};

template <class T>
class Trainer {
 public:
  Trainer(Model<T>& model, std::unique_ptr<Loss<T>> loss, Optimizer<T>& optimizer, const TrainerOptions& options);

  /// Trains on from the cursor; an epoch begun with another number of samples is begun again. The data have been
  /// checked against the model and the loss.
  void fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
           const std::optional<Dataset<T>>& test, const FitLength& length, const RequestedMetrics<T>& requested,
           Observer& observer);
  /// Of the last fit, however it ended, or of the one under way.
  const FitResult& result() const { return result_; }
  void clear_result() { result_ = FitResult(); }
  /// One update on one batch; the loss with penalties before it. Throws NumericError.
  double step(const Dataset<T>& batch);
  /// For the record of an epoch, a loss that is a sum as that of `batch` samples. For the fit; calls from other threads
  /// have a loss and memory of their own and use nncore::evaluate.
  Evaluation evaluate(const Dataset<T>& data, const RequestedMetrics<T>& requested, int64_t batch);

  Loss<T>& loss() { return *loss_; }
  const Plan<T>* plan() const { return plan_.get(); }  ///< null before the first step
  const TrainerState& state() const { return state_; }
  void set_state(const TrainerState& state) { state_ = state; }
  TrainerView<T> view() { return {model_, *loss_, optimizer_, options_, state_, result_}; }

 private:
  static constexpr int64_t kSnapshotEvery = 1000;

  struct Run;  ///< what one fit or one step works on: train/run.hpp
  Run start_run(const Dataset<T>& train, const FitLength& length, const RequestedMetrics<T>& requested);
  Plan<T>& plan_for(const Shape& sample, int64_t batch);
  void run_epoch(Run& run, Observer& observer);
  void finish_epoch(Run& run, Observer& observer);
  void poll(Run& run, Observer& observer, double loss);
  void begin_epoch(const Run& run);
  void end_epoch(const Run& run);
  int64_t steps_at_once(const Run& run) const;
  int64_t gather(const Run& run, uint32_t step, int64_t steps);
  bool observation_due(const Run& run) const;
  void observe(Run& run);
  void notify(Run& run, Observer& observer);
  Pass pass_of(uint32_t step) const;
  void run_steps(const Run& run, uint32_t step, int64_t steps);
  bool count_steps(const Run& run, int64_t steps, bool observed);
  void count_step(const StepResult& result, double weight, int64_t missing);
  double weight_of(int64_t first, int64_t samples) const;
  void count_score(const Run& run);
  void notify_schedule(Run& run, const EpochRecord& record);
  void save_snapshot();
  void guarded_steps(const Run& run, uint32_t step, int64_t steps);
  int64_t rewind();
  void fail(Run& run, Observer& observer);
  std::string replay(const Run& run, int64_t steps);
  std::string repeat_step(const Run& run, uint32_t step);
  std::string name_nonfinite(uint32_t step);

  Model<T>& model_;
  std::unique_ptr<Loss<T>> loss_;
  Optimizer<T>& optimizer_;
  TrainerOptions options_;
  std::unique_ptr<Plan<T>> plan_;
  SampleBatch<T> samples_;
  TargetBatch<T> targets_;
  const T* x_ = nullptr;  ///< samples and targets of the steps under way
  Target<T> y_;
  /// All that a step changes, as it was between two steps.
  struct Snapshot {
    Buffer<T> values;
    int64_t t = 0, steps = 0;  ///< the optimizer's count; steps of the fit before it
    TrainerState state;
    std::map<std::string, double> schedule;
  };
  Snapshot snapshot_;
  std::vector<StepResult> steps_;  ///< results of the steps under way
  Buffer<T> previous_, outputs_;
  std::vector<int64_t> order_;
  TrainerState state_;
  FitResult result_;
};

/// Inference in micro-batches, which bound the memory of the layers; the loss gets all outputs at once. `replica`: of an
/// ExecutionContext; `outputs`: memory for them.
template <class T>
Evaluation evaluate(Model<T>& replica, Loss<T>& loss, const Dataset<T>& data, const RequestedMetrics<T>& requested,
                    Buffer<T>& outputs);

}  // namespace nncore
