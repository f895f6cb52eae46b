#include "nncore/trainer.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "nncore/error.hpp"
#include "nncore/rng.hpp"
#include "nncore/thread_pool.hpp"
#include "train/clock.hpp"
#include "train/run.hpp"

namespace nncore {
namespace {

/// Parameters are either in the plan or in its model: whatever ends a fit, they go back.
template <class T>
class InPlan {
 public:
  explicit InPlan(Plan<T>& plan) : plan_(plan) { plan_.enter(); }
  ~InPlan() { leave(); }
  InPlan(const InPlan&) = delete;
  InPlan& operator=(const InPlan&) = delete;
  void enter() {
    if (!std::exchange(inside_, true)) plan_.enter();
  }
  void leave() {
    if (std::exchange(inside_, false)) plan_.leave();
  }

 private:
  Plan<T>& plan_;
  bool inside_ = true;
};

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

/// Adds a number of which there may be too many.
void Trace::thin(double value) {
  const int64_t index = count_++;
  if (index % stride_ != 0) return;
  if (values_.size() == kMaxValues) {
    const std::size_t odd = static_cast<std::size_t>(first() / stride_ % 2);  // the first number goes, too
    for (std::size_t i = odd; i < kMaxValues; i += 2) values_[i / 2] = values_[i];
    values_.resize(kMaxValues / 2);
    stride_ *= 2;
    if (index % stride_ != 0) return;
  }
  values_.push_back(value);
}

void Trace::cut(int64_t count) {
  count_ = first_ + count;
  const int64_t kept = std::max<int64_t>(0, (count_ + stride_ - 1) / stride_ - first() / stride_);
  values_.resize(std::min(values_.size(), static_cast<std::size_t>(kept)));
}

template <class T>
Trainer<T>::Trainer(Model<T>& model, std::unique_ptr<Loss<T>> loss, Optimizer<T>& optimizer,
                    const TrainerOptions& options)
    : model_(model), loss_(std::move(loss)), optimizer_(optimizer), options_(options) {
  options_.gradient.check_finite = options_.on_nonfinite != OnNonfinite::ignore;
}

template <class T>
int64_t Trainer<T>::batch_size(int64_t N) const {
  return options_.batch_size == 0 ? N : std::min(options_.batch_size, N);
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
  optimizer_.set_epoch(state_.epoch);
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
  optimizer_.set_epoch(state_.epoch);
}

/// How many steps one call of the plan may take: to the end of the epoch, the fit or the life of the snapshot.
template <class T>
int64_t Trainer<T>::steps_at_once(const Run& run) const {
  int64_t left = std::min(run.steps_per_epoch - state_.cursor.step, run.steps_left);
  if (run.monitor != nullptr) left = observation_due(run) ? 1 : std::min(left, run.monitor->steps_until_due(optimizer_.t()));
  return std::min({plan_->max_steps(), left, kSnapshotEvery - result_.steps % kSnapshotEvery});
}

template <class T>
bool Trainer<T>::observation_due(const Run& run) const {
  return run.monitor != nullptr && run.monitor->due(optimizer_.t(), state_.epoch, state_.cursor.step);
}

/// Brings the samples and targets of so many steps together; how many samples.
template <class T>
int64_t Trainer<T>::gather(const Run& run, uint32_t step, int64_t steps) {
  const int64_t first = (step - run.first_step) * run.batch;
  const int64_t count = std::min(steps * run.batch, run.data.size() - first);
  const Rows rows{run.shuffled ? order_.data() + first : nullptr, first, count};
  if (options_.augmentation) {
    const Stream stream(options_.seed, "augment", static_cast<uint32_t>(state_.epoch), step);
    x_ = samples_.gather_moved(model_, run.data.x, rows, options_.augmentation, stream);
  } else {
    x_ = samples_.gather(model_, run.data.x, rows);
  }
  y_ = targets_.gather(run.data.y, rows);
  return count;
}

template <class T>
Pass Trainer<T>::pass_of(uint32_t step) const {
  return {true, true, options_.seed, static_cast<uint32_t>(state_.epoch), step};
}

/// Takes so many steps of the epoch from `step` on; what they came to is in steps_.
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
void Trainer<T>::notify(const Run& run, Observer& observer) {
  if (run.monitor == nullptr) return;
  const std::vector<Observation> seen = run.monitor->take_observations();
  for (const Observation& one : seen) observer.observed(one, run.monitor->names());
}

/// Moves the cursor past one of the steps just taken.
template <class T>
void Trainer<T>::count_step(int64_t samples, double loss) {
  Cursor& cursor = state_.cursor;
  cursor.loss_sum += loss * static_cast<double>(samples);
  cursor.seen += samples;
  ++cursor.step;
}

/// Counts what the steps just taken classified right.
template <class T>
void Trainer<T>::count_score(const Run& run) {
  if (run.accuracy) add_score(loss_->link(), plan_->outputs(y_.shape[0]), y_, state_.cursor.score);
}

template <class T>
void Trainer<T>::fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
                     const std::optional<Dataset<T>>& test, const FitLength& length, const RequestedMetrics<T>& requested,
                     Observer& observer) {
  const ThreadLimit threads(options_.num_threads);
  const auto start = Clock::now();
  const int64_t N = train.size(), batch = batch_size(N);
  Run run{train, batch, options_.drop_last ? N / batch : (N + batch - 1) / batch};
  run.accuracy = requested.accuracy;
  run.shuffled = options_.shuffle && batch < N;  // a full batch is the same in any order
  order_.resize(static_cast<std::size_t>(run.shuffled ? N : 0));
  Plan<T>& plan = plan_for(train.x.shape.sample(), batch);
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
  Monitor<T> monitor(model_, observer.sampling_intervals(), options_.gradient);
  if (!monitor.empty()) run.monitor = &monitor;
  InPlan<T> in_plan(plan);
  while (state_.epoch < run.last_epoch && !run.stop) {
    const auto epoch_start = Clock::now();
    in_plan.enter();
    if (result_.epochs.size() == result_.epochs.capacity()) result_.epochs.reserve(2 * result_.epochs.size() + 16);
    begin_epoch(run);
    run_epoch(run, observer);
    cursor.seconds += seconds_since(epoch_start);
    if (cursor.step < run.steps_per_epoch) break;  // an epoch that is not whole is not reported
    EpochRecord& record = result_.epochs.emplace_back(EpochRecord{
        state_.epoch + 1, cursor.step, {cursor.loss(), cursor.score.accuracy(), {}}, {}, {}, cursor.rate, cursor.seconds});
    const auto trained = Clock::now();
    end_epoch(run);
    if (validation || test || !requested.metrics.empty() || observer.wants_epochs()) in_plan.leave();
    if (!requested.metrics.empty()) record.train.metrics = evaluate(train, {false, requested.metrics}).metrics;
    if (validation) record.validation = evaluate(*validation, requested);
    if (test) record.test = evaluate(*test, requested);
    if (validation || test || !requested.metrics.empty()) record.seconds += seconds_since(trained);
    notify_schedule(run, record, requested);
    if (observer.wants_epochs()) {
      run.touched = true;  // a callback may change parameters or the rate: a replay has to begin after it
      if (observer.epoch_done(record)) run.stop = true;
    }
    if (!run.stop) poll(run, observer, record.train.loss);
  }
  // What the last step broke no later step has met.
  if (options_.gradient.check_finite && result_.steps > 0 && result_.nonfinite.empty() &&
      !plan_->nonfinite_parameter().empty()) {
    in_plan.enter();
    fail(run, observer);
  }
  result_.seconds = seconds_since(start);
}

template <class T>
void Trainer<T>::notify_schedule(Run& run, const EpochRecord& record, const RequestedMetrics<T>& requested) {
  Schedule& schedule = optimizer_.schedule();
  const std::string monitor = schedule.monitor();
  if (monitor.empty()) return;
  schedule.observe(number_of(record, names_of(requested), monitor));
  run.touched = true;  // the rate may be another: a replay has to begin after it
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
    const int64_t samples = y_.shape[0] / steps;
    for (int64_t k = 0; k < steps; ++k) {
      const StepResult& step = steps_[static_cast<std::size_t>(k)];
      if (!step.finite) return fail(run, observer);
      count_step(samples, step.loss);
      result_.losses.add(step.loss);
      result_.rates.add(step.rate);
      if (options_.gradient.clip_norm > 0) {
        result_.grad_norms.add(step.grad_norm);
      } else if (run.monitor != nullptr) {
        result_.grad_norms.add(observed ? run.monitor->grad_norm() : std::numeric_limits<double>::quiet_NaN());
      }
      ++result_.steps;
    }
    count_score(run);
    run.steps_left -= steps;
    notify(run, observer);
    // At the end of an epoch fit does it, when the epoch is in the books: poll may throw.
    if (cursor.step < run.steps_per_epoch) poll(run, observer, cursor.loss());
    if (run.stop) return;
  }
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
  const int64_t N = batch.size();
  Plan<T>& plan = plan_for(batch.x.shape.sample(), std::max(N, batch_size(N)));
  model_.check_training(N);
  const InPlan<T> in_plan(plan);
  save_snapshot();
  Run run{batch, N, 1};
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
