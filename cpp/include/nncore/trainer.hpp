/// Trainer: the epoch loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nncore/data.hpp"
#include "nncore/metric.hpp"
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
};

/// A loss and, where outputs stand for classes, the fraction classified right.
struct Evaluation {
  double loss = 0;
  double accuracy = -1;  ///< -1: the loss has no notion of it
  std::vector<double> metrics;
};

/// What is measured beside the loss: the accuracy, if there are classes, and others.
template <class T>
struct Measures {
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

/// Numbers by step: all of them up to a million, then every second, every fourth …
class Trace {
 public:
  void add(double value);
  const std::vector<double>& values() const { return values_; }
  int64_t stride() const { return stride_; }

 private:
  static constexpr std::size_t kMost = 1000000;
  std::vector<double> values_;
  int64_t stride_ = 1, count_ = 0;
};

struct FitResult {
  std::vector<EpochRecord> epochs;
  Trace losses, rates, grad_norms;
  int64_t first_step = 0, steps = 0;
  double seconds = 0;
  bool interrupted = false;
  std::string nonfinite;  ///< what was not finite, with on_nonfinite = stop
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
};

template <class T>
class Trainer {
 public:
  Trainer(Model<T>& model, std::unique_ptr<Loss<T>> loss, Optimizer<T>& optimizer, const TrainerOptions& options);

  /// Trains for `epochs` more epochs. The data have been checked against the model and the loss.
  FitResult fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
                const std::optional<Dataset<T>>& test, int64_t epochs, const Measures<T>& measures,
                Observer& observer);
  /// One update on one batch; the loss with penalties before it. Throws NumericError.
  double step(const Dataset<T>& batch);
  Evaluation evaluate(const Dataset<T>& data, const Measures<T>& measures);

  Loss<T>& loss() { return *loss_; }
  const Plan<T>* plan() const { return plan_.get(); }  ///< null before the first step
  int64_t epoch() const { return epoch_; }  ///< epochs done
  void set_epoch(int64_t epoch) { epoch_ = epoch; }

 private:
  struct Run;  ///< what one fit or one step works on
  /// A step's place: epochs before it, steps of its epoch before it.
  struct Position {
    int64_t epoch = 0;
    uint32_t step = 0;
  };
  Plan<T>& plan_for(const Shape& sample, int64_t batch);
  void run_epoch(Run& run, FitResult& result, Observer& observer);
  void begin_epoch(const Run& run);
  StepResult run_step(const Run& run, uint32_t step);
  void fail(Run& run, FitResult& result, Position last);
  std::string find_nonfinite(const Run& run, Position last);
  std::string name_nonfinite(uint32_t step);
  int64_t batch_size(int64_t N) const;

  Model<T>& model_;
  std::unique_ptr<Loss<T>> loss_;
  Optimizer<T>& optimizer_;
  TrainerOptions options_;
  std::unique_ptr<Plan<T>> plan_;
  SampleBatch<T> samples_;
  TargetBatch<T> targets_;
  const T* x_ = nullptr;  ///< samples and targets of the step under way
  Target<T> y_;
  Buffer<T> snapshot_, previous_, outputs_;
  Position snapshot_at_;
  int64_t snapshot_t_ = 0;
  std::vector<int64_t> order_;
  int64_t epoch_ = 0;       ///< epochs done
  uint32_t hand_steps_ = 0; ///< calls of step() since the last epoch
};

/// How many samples were classified right, of how many that have a class; counted is 0 where the loss has none.
struct Score {
  int64_t correct = 0, counted = 0;
  double accuracy() const { return counted == 0 ? -1 : static_cast<double>(correct) / static_cast<double>(counted); }
};

/// Adds the rows of z to the score, as the link reads outputs; labels that are no class (ignored ones) do not count.
template <class T>
void add_score(Link link, View<const T> z, const Target<T>& y, Score& score);

}  // namespace nncore
