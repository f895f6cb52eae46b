#include "nncore/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "nncore/rng.hpp"
#include "nncore/thread_pool.hpp"
#include "train/run.hpp"

namespace nncore {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

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

}  // namespace

void Trace::add(double value) {
  if (count_++ % stride_ != 0) return;
  if (values_.size() == kMost) {
    for (std::size_t i = 0; i < kMost / 2; ++i) values_[i] = values_[2 * i];
    values_.resize(kMost / 2);
    stride_ *= 2;
    if ((count_ - 1) % stride_ != 0) return;
  }
  values_.push_back(value);
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
  if (!plan_ || !(plan_->sample() == sample) || plan_->max_batch() < batch) {
    plan_ = std::make_unique<Plan<T>>(model_, optimizer_, *loss_, sample, batch, options_.gradient);
  }
  model_.build(sample);
  return *plan_;
}

template <class T>
void Trainer<T>::begin_epoch(const Run& run) {
  optimizer_.set_epoch(epoch_);
  if (run.shuffled) shuffle(Stream(options_.seed, "shuffle", static_cast<uint32_t>(epoch_)), run.data.size(), order_.data());
}

template <class T>
StepResult Trainer<T>::run_step(const Run& run, uint32_t step) {
  const int64_t first = (step - run.first_step) * run.batch;
  const int64_t count = std::min(run.batch, run.data.size() - first);
  const Rows rows{run.shuffled ? order_.data() + first : nullptr, first, count};
  x_ = samples_.gather(model_, run.data.x, rows);
  y_ = targets_.gather(run.data.y, rows);
  return plan_->step(count, x_, y_, {true, true, options_.seed, static_cast<uint32_t>(epoch_), step});
}

template <class T>
FitResult Trainer<T>::fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
                          const std::optional<Dataset<T>>& test, int64_t epochs, const Measures<T>& measures,
                          Observer& observer) {
  const ThreadLimit threads(options_.num_threads);
  const auto start = Clock::now();
  const int64_t N = train.size(), batch = batch_size(N);
  FitResult result;
  Run run{train, batch, options_.drop_last ? N / batch : (N + batch - 1) / batch, epoch_ + epochs};
  run.accuracy = measures.accuracy;
  run.shuffled = options_.shuffle && batch < N;  // a full batch is the same in any order
  order_.resize(static_cast<std::size_t>(run.shuffled ? N : 0));
  result.first_step = optimizer_.t();
  result.epochs.reserve(static_cast<std::size_t>(std::min<int64_t>(epochs, 4096)));
  Plan<T>& plan = plan_for(train.x.shape.sample(), batch);
  const int64_t rest = options_.drop_last ? 0 : N % batch;
  for (const int64_t size : {batch, rest}) {
    if (size > 0) model_.check_training(size);
  }
  InPlan<T> in_plan(plan);
  while (epoch_ < run.last_epoch && !run.stop) {
    const auto epoch_start = Clock::now();
    in_plan.enter();
    begin_epoch(run);
    result.epochs.push_back({epoch_ + 1, 0, {}, {}, {}, optimizer_.rate(), 0});
    run_epoch(run, result, observer);
    EpochRecord& record = result.epochs.back();
    if (record.steps < run.steps_per_epoch) {  // stopped on the way: an epoch that is not whole is not reported
      result.epochs.pop_back();
      break;
    }
    ++epoch_;
    hand_steps_ = 0;
    if (validation || test || !measures.metrics.empty() || observer.wants_epochs()) in_plan.leave();
    if (!measures.metrics.empty()) record.train.metrics = evaluate(train, {false, measures.metrics}).metrics;
    if (validation) record.validation = evaluate(*validation, measures);
    if (test) record.test = evaluate(*test, measures);
    record.seconds = seconds_since(epoch_start);
    if (observer.wants_epochs()) {
      run.touched = true;  // a callback may change parameters or the rate: a replay has to begin after it
      if (observer.epoch_done(record)) run.stop = true;
    }
  }
  // What the last step broke no later step has met.
  if (options_.gradient.check_finite && result.nonfinite.empty() && !plan_->nonfinite_parameter().empty()) {
    in_plan.enter();
    fail(run, result, {epoch_, static_cast<uint32_t>(run.steps_per_epoch) - 1});
  }
  optimizer_.set_epoch(epoch_);
  result.seconds = seconds_since(start);
  return result;
}

template <class T>
void Trainer<T>::run_epoch(Run& run, FitResult& result, Observer& observer) {
  constexpr int64_t kSnapshotEvery = 1000;
  EpochRecord& record = result.epochs.back();
  double loss_sum = 0;
  int64_t seen = 0;
  Score score;
  for (uint32_t s = 0; s < run.steps_per_epoch; ++s) {
    if (options_.gradient.check_finite && (result.steps % kSnapshotEvery == 0 || std::exchange(run.touched, false))) {
      if (result.steps > 0 && !plan_->nonfinite_parameter().empty()) return fail(run, result, {epoch_, s});
      plan_->save(snapshot_, snapshot_t_);
      snapshot_at_ = {epoch_, s};
    }
    const double rate = optimizer_.rate();
    const StepResult step = run_step(run, s);
    if (!step.finite) return fail(run, result, {epoch_, s});
    const int64_t count = y_.shape[0];
    loss_sum += step.loss * static_cast<double>(count);
    seen += count;
    if (run.accuracy) add_score(loss_->link(), plan_->outputs(count), y_, score);
    result.losses.add(step.loss);
    result.rates.add(rate);
    if (options_.gradient.clip_norm > 0) result.grad_norms.add(step.grad_norm);
    ++result.steps;
    record.steps = s + 1;
    record.train.loss = loss_sum / static_cast<double>(seen);
    if (run.ticker.due() &&
        observer.poll({epoch_, run.last_epoch, record.steps, run.steps_per_epoch, record.train.loss})) {
      result.interrupted = run.stop = true;
      break;
    }
  }
  record.train.accuracy = score.accuracy();
}

template <class T>
double Trainer<T>::step(const Dataset<T>& batch) {
  const ThreadLimit threads(options_.num_threads);
  const int64_t N = batch.size();
  Plan<T>& plan = plan_for(batch.x.shape.sample(), std::max(N, batch_size(N)));
  model_.check_training(N);
  const InPlan<T> in_plan(plan);
  if (options_.gradient.check_finite) plan_->save(snapshot_, snapshot_t_);
  snapshot_at_ = {epoch_, hand_steps_};
  Run run{batch, N, 1, epoch_};
  run.first_step = hand_steps_;
  const StepResult result = run_step(run, hand_steps_);
  if (options_.gradient.check_finite && (!result.finite || !plan_->nonfinite_parameter().empty())) {
    throw NumericError(find_nonfinite(run, snapshot_at_));
  }
  ++hand_steps_;
  return result.loss;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace nncore
