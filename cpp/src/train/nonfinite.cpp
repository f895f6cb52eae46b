/// After a step that threw (out of memory) or that was not finite: restore the snapshot and repeat the steps up to the
/// one before it, which gives the same bits. A step that was not finite is then run layer by layer, which names the
/// tensor.
#include <cmath>

#include "kernels/reduce/reduce.hpp"
#include "train/run.hpp"

namespace nncore {
namespace {

/// Calls f at the end of the scope, after an exception, too.
template <class F>
class ScopeExit {
 public:
  explicit ScopeExit(F f) : f_(std::move(f)) {}
  ~ScopeExit() { f_(); }
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;

 private:
  F f_;
};

}  // namespace

template <class T>
void Trainer<T>::save_snapshot() {
  plan_->save(snapshot_.values, snapshot_.t);
  snapshot_.steps = result_.steps;
  snapshot_.state = state_;
  snapshot_.schedule = optimizer_.schedule().state();
}

/// Takes so many steps; after an exception everything is as it was before them.
template <class T>
void Trainer<T>::guarded_steps(const Run& run, uint32_t step, int64_t steps) {
  try {
    run_steps(run, step, steps);
  } catch (...) {
    if (!plan_->user_defined()) replay(run, rewind());
    throw;
  }
}

/// Restores the snapshot; returns how many steps there have been since.
template <class T>
int64_t Trainer<T>::rewind() {
  const int64_t since = result_.steps - snapshot_.steps;
  const double seconds = state_.cursor.seconds;
  plan_->restore(snapshot_.values, snapshot_.t);
  if (!optimizer_.schedule().state().empty()) optimizer_.schedule().set_state(snapshot_.schedule);
  state_ = snapshot_.state;
  state_.cursor.seconds = seconds;
  result_.steps = snapshot_.steps;
  return since;
}

/// Ends a fit as the policy says, with parameters, cursor and history as they were before the step that broke.
template <class T>
void Trainer<T>::fail(Run& run, Observer& observer) {
  run.stop = true;
  result_.nonfinite = replay(run, rewind() + 1);
  if (result_.nonfinite.empty()) throw StateError("[Trainer] a step was not finite, and finite when it was repeated");
  notify(run, observer);
  if (options_.on_nonfinite == OnNonfinite::raise) throw NumericError(result_.nonfinite);
}

/// Takes up to `steps` steps again, until one is not finite; returns what was not, or nothing. The history then ends
/// where the parameters stand.
template <class T>
std::string Trainer<T>::replay(const Run& run, int64_t steps) {
  const ScopeExit cut([this] {
    std::erase_if(result_.epochs, [&](const EpochRecord& record) { return record.epoch > state_.epoch; });
    for (Trace* trace : {&result_.losses, &result_.rates, &result_.grad_norms}) trace->cut(result_.steps);
  });
  std::string broken;
  if (steps > 0) begin_epoch(run);
  for (; steps > 0 && broken.empty(); --steps) {
    if (state_.cursor.step == run.steps_per_epoch) {
      end_epoch(run);
      begin_epoch(run);
    }
    broken = repeat_step(run, static_cast<uint32_t>(state_.cursor.step));
    if (broken.empty()) ++result_.steps;
  }
  return broken;
}

/// Takes one step. If it is not finite, returns what was not, and the parameters are those before it.
template <class T>
std::string Trainer<T>::repeat_step(const Run& run, uint32_t step) {
  int64_t t = 0;
  plan_->save(previous_, t);
  try {
    run_steps(run, step, 1);
  } catch (...) {
    plan_->restore(previous_, t);
    throw;
  }
  const StepResult result = steps_.front();
  const bool look = options_.gradient.check_finite;
  const std::string parameter = look && result.finite ? plan_->nonfinite_parameter() : "";
  if (result.finite && parameter.empty()) {
    const int64_t samples = y_.shape[0];
    count_step(result, weight_of(0, samples), loss_->sums() ? run.batch - samples : 0);
    count_score(run);
    return "";
  }
  plan_->restore(previous_, t);
  const std::string where = "epoch " + std::to_string(state_.epoch + 1) + ", step " + std::to_string(step + 1) + ": ";
  const std::string before = plan_->nonfinite_parameter();
  if (!before.empty()) return where + before + " was not finite before the step";
  const std::string what = parameter.empty() ? name_nonfinite(step) : parameter + " after the update";
  return where + what + " is not finite; the model holds its last finite parameters";
}

/// The first tensor that is not finite when the step is run layer by layer.
template <class T>
std::string Trainer<T>::name_nonfinite(uint32_t step) {
  const auto finite = [](int64_t n, const T* x) { return kernels<T>().reduce.all_finite(n, x); };
  plan_->unpack();
  const Shape shape = plan_->sample().with_batch(y_.shape[0]);
  if (!finite(shape.size(), x_)) return "the input x";
  Pass pass = pass_of(step);
  pass.update_state = false;
  const View<const T> z = model_.forward_normalized({x_, shape}, pass);
  for (std::size_t i = 0; i < model_.n_nodes(); ++i) {
    const View<const T> y = model_.value(i + 1);
    if (!finite(y.size(), y.data)) return model_.layer(i).label() + " output";
  }
  std::vector<T> dz(static_cast<std::size_t>(z.size()));
  const double loss = loss_->value_and_gradient(z, y_, dz.data());
  if (!std::isfinite(loss)) return "the loss";
  if (!finite(z.size(), dz.data())) return "the gradient of the loss";
  model_.backward({dz.data(), z.shape});
  std::string name = "the penalty";
  for (std::size_t i = model_.n_nodes(); i-- > 0 && name == "the penalty";) {
    for (const auto& p : model_.layer(i).parameters()) {
      if (p.grad == nullptr || finite(p.shape.size(), p.grad)) continue;
      name = model_.described(i, p.name, "gradient of ");
      break;
    }
  }
  model_.zero_grad();
  return name;
}

template void Trainer<float>::save_snapshot();
template void Trainer<float>::fail(Run&, Observer&);
template void Trainer<float>::guarded_steps(const Run&, uint32_t, int64_t);
template void Trainer<double>::guarded_steps(const Run&, uint32_t, int64_t);
template void Trainer<double>::save_snapshot();
template void Trainer<double>::fail(Run&, Observer&);
template std::string Trainer<float>::repeat_step(const Run&, uint32_t);
template std::string Trainer<double>::repeat_step(const Run&, uint32_t);
template std::string Trainer<float>::name_nonfinite(uint32_t);
template std::string Trainer<double>::name_nonfinite(uint32_t);

}  // namespace nncore
