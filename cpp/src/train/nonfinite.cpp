/// When a loss or gradient is not finite: back to the snapshot, the same steps once more up to the one before the
/// break (training is deterministic), then that one step layer by layer to name what broke.
#include <cmath>

#include "kernels/table.hpp"
#include "train/run.hpp"

namespace nncore {

template <class T>
void Trainer<T>::save_snapshot() {
  plan_->save(snapshot_.values, snapshot_.t);
  snapshot_.steps = result_.steps;
  snapshot_.state = state_;
}

/// Ends a fit as the policy says, with parameters, cursor and history as they were before the step that broke.
template <class T>
void Trainer<T>::fail(Run& run) {
  run.stop = true;
  const int64_t since = result_.steps - snapshot_.steps;
  const double seconds = state_.cursor.seconds;
  plan_->restore(snapshot_.values, snapshot_.t);
  state_ = snapshot_.state;
  result_.steps = snapshot_.steps;
  result_.nonfinite = replay(run, since + 1);
  state_.cursor.seconds = seconds;
  std::erase_if(result_.epochs, [&](const EpochRecord& record) { return record.epoch > state_.epoch; });
  for (Trace* trace : {&result_.losses, &result_.rates, &result_.grad_norms}) trace->cut(result_.steps);
  if (options_.on_nonfinite == OnNonfinite::raise) throw NumericError(result_.nonfinite);
}

/// Takes up to `steps` steps again, until one breaks.
template <class T>
std::string Trainer<T>::replay(const Run& run, int64_t steps) {
  begin_epoch(run);
  for (; steps > 0; --steps) {
    if (state_.cursor.step == run.steps_per_epoch) {
      end_epoch(run);
      begin_epoch(run);
    }
    const std::string broken = repeat_step(run, static_cast<uint32_t>(state_.cursor.step));
    if (!broken.empty()) return broken;
    ++result_.steps;
  }
  throw StateError("[Trainer] a step that was not finite became finite when it was repeated");
}

/// Takes one step; if it breaks, what broke, and the parameters are those before it.
template <class T>
std::string Trainer<T>::repeat_step(const Run& run, uint32_t step) {
  int64_t t = 0;
  plan_->save(previous_, t);
  const StepResult result = run_step(run, step);
  const std::string parameter = result.finite ? plan_->nonfinite_parameter() : "";
  if (result.finite && parameter.empty()) {
    count_step(run, result.loss);
    return "";
  }
  plan_->restore(previous_, t);
  const std::string where = "epoch " + std::to_string(state_.epoch + 1) + ", step " + std::to_string(step + 1) + ": ";
  const std::string what = parameter.empty() ? name_nonfinite(step) : parameter + " after the update";
  return where + what + " is not finite; the model holds its last finite parameters";
}

/// The first tensor of the step that is not finite, as the layerwise way meets it.
template <class T>
std::string Trainer<T>::name_nonfinite(uint32_t step) {
  const auto finite = [](int64_t n, const T* x) { return kernels<T>().all_finite(n, x); };
  plan_->leave();
  const Shape shape = plan_->sample().with_batch(y_.shape[0]);
  if (!finite(shape.size(), x_)) return "the input x";
  const Pass pass{true, false, options_.seed, static_cast<uint32_t>(state_.epoch), step};
  const View<const T> z = model_.forward_normalized({x_, shape}, pass);
  for (std::size_t i = 0; i < model_.n_layers(); ++i) {
    const View<const T> y = model_.activation(static_cast<int>(i));
    if (!finite(y.size(), y.data)) return model_.layer(i).label() + " output";
  }
  std::vector<T> dz(static_cast<std::size_t>(z.size()));
  const double loss = loss_->value_and_gradient(z, y_, dz.data());
  if (!std::isfinite(loss)) return "the loss";
  if (!finite(z.size(), dz.data())) return "the gradient of the loss";
  model_.backward({dz.data(), z.shape});
  std::string name = "the penalty";
  for (std::size_t i = model_.n_layers(); i-- > 0;) {
    for (const auto& p : model_.layer(i).parameters()) {
      if (p.grad != nullptr && !finite(p.shape.size(), p.grad)) {
        name = model_.layer(i).label() + " gradient of " + p.name;
        i = 0;
        break;
      }
    }
  }
  model_.zero_grad();
  return name;
}

template void Trainer<float>::save_snapshot();
template void Trainer<float>::fail(Run&);
template void Trainer<double>::save_snapshot();
template void Trainer<double>::fail(Run&);
template std::string Trainer<float>::repeat_step(const Run&, uint32_t);
template std::string Trainer<double>::repeat_step(const Run&, uint32_t);
template std::string Trainer<float>::name_nonfinite(uint32_t);
template std::string Trainer<double>::name_nonfinite(uint32_t);

}  // namespace nncore
