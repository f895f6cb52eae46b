#include "nncore/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nncore/rng.hpp"
#include "nncore/thread_pool.hpp"
#include "train/ticker.hpp"

namespace nncore {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Between the plan and its model parameters are in one place only: whatever ends a fit, they go back.
template <class T>
class InPlan {
 public:
  explicit InPlan(Plan<T>& plan) : plan_(plan) { plan_.enter(); }
  ~InPlan() { plan_.leave(); }
  InPlan(const InPlan&) = delete;
  InPlan& operator=(const InPlan&) = delete;

 private:
  Plan<T>& plan_;
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
struct Trainer<T>::Cursor {
  int64_t batch, steps_per_epoch, epoch, last_epoch;
  bool accuracy;
  bool stop = false;
  Ticker ticker{};
};

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
StepResult Trainer<T>::run_step(const Dataset<T>& data, const Batches& batches, uint32_t step) {
  const int64_t first = (step - batches.first_step) * batches.size, count = std::min(batches.size, batches.N - first);
  const int64_t* rows = batches.order == nullptr ? nullptr : batches.order + first;
  gather_samples(model_, data.x, rows, first, count, plan_->input());
  target_ = targets_.gather(data.y, rows, first, count);
  return plan_->step(count, target_, {true, true, options_.seed, static_cast<uint32_t>(epoch_), step});
}

template <class T>
FitResult Trainer<T>::fit(const Dataset<T>& train, const std::optional<Dataset<T>>& validation,
                          const std::optional<Dataset<T>>& test, int64_t epochs, bool accuracy, Observer& observer) {
  const ThreadLimit threads(options_.num_threads);
  const auto start = Clock::now();
  const int64_t N = train.size(), batch = batch_size(N);
  const int64_t steps = options_.drop_last ? N / batch : (N + batch - 1) / batch;
  Plan<T>& plan = plan_for(train.x.shape.sample(), batch);
  order_.resize(static_cast<std::size_t>(N));
  FitResult result;
  result.first_step = optimizer_.t();
  Cursor cursor{batch, steps, epoch_, epoch_ + epochs, accuracy};
  while (cursor.epoch < cursor.last_epoch && !cursor.stop) {
    const auto epoch_start = Clock::now();
    const Stream stream(options_.seed, "shuffle", static_cast<uint32_t>(epoch_));
    if (options_.shuffle) shuffle(stream, N, order_.data());
    optimizer_.set_epoch(epoch_);
    result.epochs.push_back({epoch_ + 1, 0, {}, {}, {}, optimizer_.rate(), 0});
    {
      const InPlan<T> in_plan(plan);
      run_epoch(train, cursor, result, observer);
    }
    EpochRecord& record = result.epochs.back();
    if (record.steps < steps) {  // stopped on the way: an epoch that is not whole is not reported
      result.epochs.pop_back();
      break;
    }
    cursor.epoch = ++epoch_;
    hand_steps_ = 0;
    if (validation) record.validation = evaluate(*validation, accuracy);
    if (test) record.test = evaluate(*test, accuracy);
    record.seconds = seconds_since(epoch_start);
    if (observer.epoch_done(record)) cursor.stop = true;
  }
  optimizer_.set_epoch(epoch_);
  result.seconds = seconds_since(start);
  return result;
}

template <class T>
void Trainer<T>::run_epoch(const Dataset<T>& data, Cursor& cursor, FitResult& result, Observer& observer) {
  constexpr uint32_t kSnapshotEvery = 1000;
  const Batches batches{options_.shuffle ? order_.data() : nullptr, data.size(), cursor.batch, 0};
  EpochRecord& record = result.epochs.back();
  double loss_sum = 0;
  int64_t seen = 0, correct = 0;
  uint32_t snapshot_step = 0;
  for (uint32_t s = 0; s < cursor.steps_per_epoch; ++s) {
    if (options_.gradient.check_finite && s % kSnapshotEvery == 0) {
      plan_->save(snapshot_, snapshot_t_);
      snapshot_step = s;
    }
    const double rate = optimizer_.rate();
    const StepResult step = run_step(data, batches, s);
    if (!step.finite) {
      result.nonfinite = find_nonfinite(data, batches, snapshot_step, s);
      cursor.stop = true;
      if (options_.on_nonfinite == OnNonfinite::raise) throw NumericError(result.nonfinite);
      return;
    }
    const int64_t count = target_.shape[0];
    loss_sum += step.loss * static_cast<double>(count);
    seen += count;
    if (cursor.accuracy) correct += count_correct(loss_->link(), plan_->outputs(count), target_);
    result.losses.add(step.loss);
    result.rates.add(rate);
    if (options_.gradient.clip_norm > 0) result.grad_norms.add(step.grad_norm);
    ++result.steps;
    record.steps = s + 1;
    record.train.loss = loss_sum / static_cast<double>(seen);
    if (cursor.ticker.due()) {
      const Progress progress{cursor.epoch, cursor.last_epoch, record.steps, cursor.steps_per_epoch, record.train.loss};
      if (observer.poll(progress)) {
        result.interrupted = cursor.stop = true;
        break;
      }
    }
  }
  if (cursor.accuracy && correct >= 0) record.train.accuracy = static_cast<double>(correct) / static_cast<double>(seen);
}

template <class T>
double Trainer<T>::step(const Dataset<T>& batch) {
  const ThreadLimit threads(options_.num_threads);
  const int64_t N = batch.size();
  Plan<T>& plan = plan_for(batch.x.shape.sample(), std::max(N, batch_size(N)));
  const InPlan<T> in_plan(plan);
  if (options_.gradient.check_finite) plan.save(snapshot_, snapshot_t_);
  const Batches whole{nullptr, N, N, hand_steps_};
  const StepResult result = run_step(batch, whole, hand_steps_);
  if (!result.finite) throw NumericError(find_nonfinite(batch, whole, hand_steps_, hand_steps_));
  ++hand_steps_;
  return result.loss;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace nncore
