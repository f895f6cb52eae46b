#include "nncore/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "nncore/error.hpp"
#include "nncore/rng.hpp"
#include "nncore/thread_pool.hpp"
#include "train/clock.hpp"
#include "train/run.hpp"

namespace nncore {
namespace {

double number_of(const EpochRecord& record, const Names& metrics, const std::string& monitor) {
  std::string names;
  std::optional<double> found;
  for_each_number(record, metrics, [&](const std::string& name, double x) {
    names += (names.empty() ? "" : ", ") + name;
    if (monitor == name) found = x;
  });
  if (!found) throw ConfigError(expected("[fit]", "monitor of the schedule", "one of " + names, "'" + monitor + "'"));
  return *found;
}

}  // namespace

template <class T>
Trainer<T>::Trainer(Model<T>& model, std::unique_ptr<Loss<T>> loss, Optimizer<T>& optimizer,
                    const TrainerOptions& options)
    : model_(model), loss_(std::move(loss)), optimizer_(optimizer), options_(options) {
  options_.gradient.check_finite = options_.on_nonfinite != OnNonfinite::ignore;
}

template <class T>
Plan<T>& Trainer<T>::plan_for(const Shape& sample, int64_t batch) {
  if (!plan_ || !plan_->suits(sample, batch)) {
    plan_ = std::make_unique<Plan<T>>(model_, optimizer_, *loss_, sample, batch, options_.gradient);
    steps_.resize(static_cast<std::size_t>(plan_->max_steps()));
  }
  model_.build(sample);
  return *plan_;
}

template <class T>
void Trainer<T>::begin_epoch(const Run& run) {
  optimizer_.set_epoch(state_.epoch + optimizer_.hand_epochs());
  if (state_.cursor.step == 0) state_.cursor.rate = optimizer_.rate();
  if (!run.shuffled) return;
  shuffle(Stream(options_.seed, "shuffle", static_cast<uint32_t>(state_.epoch)), run.data.size(), order_.data());
}

template <class T>
void Trainer<T>::end_epoch(const Run& run) {
  ++state_.epoch;
  state_.cursor = {};
  state_.cursor.samples = run.data.size();
  state_.manual_steps = 0;
  optimizer_.set_epoch(state_.epoch + optimizer_.hand_epochs());
}

/// How many steps one call of the plan may take: to the end of the epoch, the fit or the life of the snapshot.
template <class T>
int64_t Trainer<T>::steps_at_once(const Run& run) const {
  int64_t left = std::min(run.steps_per_epoch - state_.cursor.step, run.steps_left);
  if (observation_due(run)) left = 1;
  else if (run.monitor != nullptr) left = std::min(left, run.monitor->steps_until_due(optimizer_.t()));
  return std::min({plan_->max_steps(), left, kSnapshotEvery - result_.steps % kSnapshotEvery});
}

template <class T>
bool Trainer<T>::observation_due(const Run& run) const {
  return run.monitor != nullptr && run.monitor->due(optimizer_.t(), state_.epoch, state_.cursor.step);
}

/// Gathers the samples and targets of so many steps and returns how many samples they are.
template <class T>
int64_t Trainer<T>::gather(const Run& run, uint32_t step, int64_t steps) {
  const int64_t first = (step - run.first_step) * run.batch;
  const int64_t count = std::min(steps * run.batch, run.data.size() - first);
  const BatchIndices indices{run.shuffled ? order_.data() + first : nullptr, first, count};
  if (options_.augmentation) {
    const Stream stream(options_.seed, "augment", static_cast<uint32_t>(state_.epoch), step);
    x_ = samples_.gather_moved(model_, run.data.x, indices, options_.augmentation, stream);
  } else {
    x_ = samples_.gather(model_, run.data.x, indices);
  }
  y_ = targets_.gather(run.data.y, indices);
  return count;
}

template <class T>
Pass Trainer<T>::pass_of(uint32_t step) const {
  return {true, true, options_.seed, static_cast<uint32_t>(state_.epoch), step};
}

/// Takes so many steps of the epoch from `step` on; their results are in steps_.
template <class T>
void Trainer<T>::run_steps(const Run& run, uint32_t step, int64_t steps) {
  const int64_t count = gather(run, step, steps);
  plan_->run(steps, count / steps, x_, y_, pass_of(step), steps_.data());
}

/// Observes the step that comes next.
template <class T>
void Trainer<T>::observe(Run& run) {
  const uint32_t step = static_cast<uint32_t>(state_.cursor.step);
  const int64_t N = gather(run, step, 1);
  run.monitor->observe(*plan_, *loss_, N, x_, y_, pass_of(step), optimizer_.t());
}

/// Hands the observations of the last step to the observer.
template <class T>
void Trainer<T>::notify(Run& run, Observer& observer) {
  if (run.monitor == nullptr) return;
  const std::vector<Observation> seen = run.monitor->take_observations();
  for (const Observation& one : seen) {
    if (observer.observed(one, run.monitor->names())) run.stop = true;
  }
}

/// Moves the cursor past one of the steps just taken. `weight`: of its samples together; `missing`: how many of them a
/// short batch lacks, where the loss is a sum, which weighs less already.
template <class T>
void Trainer<T>::count_step(const StepResult& result, double weight, int64_t missing) {
  Cursor& cursor = state_.cursor;
  if (result.counts) {
    cursor.loss_sum += result.loss * weight;
    if (missing > 0) cursor.loss_sum += (result.loss - result.penalty) * static_cast<double>(missing);
    cursor.seen += weight;
  }
  ++cursor.step;
}

/// What so many of the gathered samples count in the loss of an epoch.
template <class T>
double Trainer<T>::weight_of(int64_t first, int64_t samples) const {
  if (y_.weights == nullptr || loss_->sums()) return static_cast<double>(samples);
  return std::accumulate(y_.weights + first, y_.weights + first + samples, 0.0);
}

/// Counts what the steps just taken classified right.
template <class T>
void Trainer<T>::count_score(const Run& run) {
  if (!run.requested.accuracy) return;
  const auto is_nan = [](const StepResult& step) { return std::isnan(step.loss); };
  const bool unchecked = !options_.gradient.check_finite && std::any_of(steps_.begin(), steps_.end(), is_nan);
  const bool with_nan = unchecked || loss_->user_defined();
  add_score(run.requested.reading, plan_->outputs(y_.shape[0]), y_, state_.cursor.score, with_nan);
}

/// The plan and the cursor for a fit; throws before anything of the training has changed.
template <class T>
typename Trainer<T>::Run Trainer<T>::start_run(const Dataset<T>& train, const FitLength& length,
                                               const RequestedMetrics<T>& requested) {
  model_.check_learns("[fit]");
  const int64_t N = train.size(), batch = options_.batch_of(N);
  Run run{train, requested, batch, options_.steps_per_epoch(N)};
  run.shuffled = options_.shuffle && batch < N;  // a full batch is the same in any order
  order_.resize(static_cast<std::size_t>(run.shuffled ? N : 0));
  plan_for(train.x.shape.sample(), batch);
  const int64_t rest = options_.drop_last ? 0 : N % batch;
  for (const int64_t size : {batch, rest}) {
    if (size > 0) model_.check_training(size);
  }
  Cursor& cursor = state_.cursor;
  if (cursor.samples != N || cursor.step >= run.steps_per_epoch) {
    cursor = {};
    cursor.samples = N;
  }
  run.last_epoch = state_.epoch + length.epochs;
  if (length.steps >= 0) {
    run.steps_left = length.steps;
    run.last_epoch = state_.epoch + (cursor.step + length.steps + run.steps_per_epoch - 1) / run.steps_per_epoch;
  }
  result_ = FitResult(optimizer_.t());
  return run;
}

template <class T>
void Trainer<T>::fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
                     const std::optional<Dataset<T>>& test, const FitLength& length,
                     const RequestedMetrics<T>& requested, Observer& observer) {
  const ThreadLimit threads(options_.num_threads);
  const auto start = Clock::now();
  Run run = start_run(train, length, requested);
  run.validation = validation ? &*validation : nullptr;
  run.test = test ? &*test : nullptr;
  Monitor<T> monitor(model_, observer.sampling_intervals(), options_.gradient);
  if (!monitor.empty()) run.monitor = &monitor;
  InPlan<T> in_plan(*plan_);
  run.in_plan = &in_plan;
  while (state_.epoch < run.last_epoch && !run.stop) {
    const auto epoch_start = Clock::now();
    in_plan.enter();
    if (result_.epochs.size() == result_.epochs.capacity()) result_.epochs.reserve(2 * result_.epochs.size() + 16);
    begin_epoch(run);
    run_epoch(run, observer);
    state_.cursor.seconds += seconds_since(epoch_start);
    if (state_.cursor.step < run.steps_per_epoch) break;  // an epoch that is not whole is not reported
    finish_epoch(run, observer);
  }
  // Each step checks its gradients alone: parameters that the last update broke are found here.
  if (options_.gradient.check_finite && result_.steps > 0 && result_.nonfinite.empty() &&
      !plan_->nonfinite_parameter().empty()) {
    in_plan.enter();
    fail(run, observer);
  }
  result_.seconds = seconds_since(start);
}

/// Adds the record of a whole epoch, measures what was requested and calls the observer.
template <class T>
void Trainer<T>::finish_epoch(Run& run, Observer& observer) {
  const Cursor& cursor = state_.cursor;
  const Evaluation trained{cursor.seen == 0 ? std::nan("") : cursor.loss(), run.requested.accuracy_of(cursor.score), {}};
  EpochRecord& record = result_.epochs.emplace_back(
      EpochRecord{state_.epoch + 1, cursor.step, trained, {}, {}, cursor.rate, cursor.seconds});
  const auto start = Clock::now();
  end_epoch(run);
  const RequestedMetrics<T>& requested = run.requested;
  if (run.evaluates() || observer.wants_epochs()) run.in_plan->leave();
  if (!requested.metrics.empty()) {
    record.train.metrics = evaluate(run.data, requested.without_accuracy(), run.batch).metrics;
  }
  if (run.validation != nullptr) record.validation = evaluate(*run.validation, requested, run.batch);
  if (run.test != nullptr) record.test = evaluate(*run.test, requested, run.batch);
  if (run.evaluates()) record.seconds += seconds_since(start);
  notify_schedule(run, record);
  if (observer.wants_epochs()) {
    run.touched = true;
    if (observer.epoch_done(record)) run.stop = true;
  }
  if (!run.stop) poll(run, observer, record.train.loss);
}

template <class T>
void Trainer<T>::notify_schedule(Run& run, const EpochRecord& record) {
  Schedule& schedule = optimizer_.schedule();
  const std::string monitor = schedule.monitor();
  if (monitor.empty()) return;
  schedule.observe(number_of(record, names_of(run.requested), monitor));
  run.touched = true;
}

template <class T>
void Trainer<T>::run_epoch(Run& run, Observer& observer) {
  const Cursor& cursor = state_.cursor;
  while (cursor.step < run.steps_per_epoch && run.steps_left > 0) {
    if (result_.steps % kSnapshotEvery == 0 || std::exchange(run.touched, false)) {
      const bool check = options_.gradient.check_finite && result_.steps > 0;
      if (check && !plan_->nonfinite_parameter().empty()) return fail(run, observer);
      save_snapshot();
    }
    const int64_t steps = steps_at_once(run);
    for (Trace* trace : {&result_.losses, &result_.rates, &result_.grad_norms}) trace->make_room(steps);
    const bool observed = observation_due(run);
    if (observed) observe(run);
    guarded_steps(run, static_cast<uint32_t>(cursor.step), steps);
    if (observed && steps_.front().finite) run.monitor->measure_update(*plan_);
    if (!count_steps(run, steps, observed)) return fail(run, observer);
    count_score(run);
    run.steps_left -= steps;
    notify(run, observer);
    // After the last step of an epoch finish_epoch polls, when the epoch is in the record: poll may throw.
    if (cursor.step < run.steps_per_epoch) poll(run, observer, cursor.loss());
    if (run.stop) return;
  }
}

/// Adds the steps just taken to the cursor and the result, up to one that was not finite; false: there was one.
template <class T>
bool Trainer<T>::count_steps(const Run& run, int64_t steps, bool observed) {
  const int64_t samples = y_.shape[0] / steps;
  const int64_t missing = loss_->sums() ? run.batch - samples : 0;
  const bool weighted = y_.weights != nullptr;
  for (int64_t k = 0; k < steps; ++k) {
    const StepResult& step = steps_[static_cast<std::size_t>(k)];
    if (!step.finite) return false;
    count_step(step, weighted ? weight_of(k * samples, samples) : static_cast<double>(samples), missing);
    result_.losses.add(step.loss);
    result_.rates.add(step.rate);
    if (options_.gradient.clip_norm > 0) {
      result_.grad_norms.add(step.grad_norm);
    } else if (run.monitor != nullptr) {
      result_.grad_norms.add(observed ? run.monitor->grad_norm() : std::numeric_limits<double>::quiet_NaN());
    }
    ++result_.steps;
  }
  return true;
}

template <class T>
void Trainer<T>::poll(Run& run, Observer& observer, double loss) {
  if (!run.ticker.due()) return;
  const Progress progress{state_.epoch, run.last_epoch, state_.cursor.step, run.steps_per_epoch, loss};
  if (observer.poll(progress)) result_.interrupted = run.stop = true;
}

template <class T>
double Trainer<T>::step(const Dataset<T>& batch) {
  const ThreadLimit threads(options_.num_threads);
  model_.check_learns("[step]");
  const int64_t N = batch.size();
  Plan<T>& plan = plan_for(batch.x.shape.sample(), std::max(N, options_.batch_of(N)));
  model_.check_training(N);
  const InPlan<T> in_plan(plan);
  save_snapshot();
  const RequestedMetrics<T> requested;
  Run run{batch, requested, N, 1};
  run.first_step = state_.manual_steps;
  guarded_steps(run, state_.manual_steps, 1);
  const StepResult result = steps_.front();
  if (options_.gradient.check_finite && (!result.finite || !plan_->nonfinite_parameter().empty())) {
    plan_->restore(snapshot_.values, snapshot_.t);
    throw NumericError(repeat_step(run, state_.manual_steps));
  }
  ++state_.manual_steps;
  return result.loss;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace nncore
