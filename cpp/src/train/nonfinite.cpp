/// When a loss or gradient is not finite: back to the snapshot, the same steps once more up to the one before the
/// break (training is deterministic), then that one step layer by layer to name what broke.
#include <cmath>

#include "kernels/table.hpp"
#include "train/run.hpp"

namespace nncore {

/// Ends a fit as the policy says.
template <class T>
void Trainer<T>::fail(Run& run, FitResult& result, Position last) {
  result.nonfinite = find_nonfinite(run, last);
  run.stop = true;
  if (options_.on_nonfinite == OnNonfinite::raise) throw NumericError(result.nonfinite);
}

/// Leaves the parameters, and the count of epochs, as they were before the step that broke them or that could not be
/// done with them.
template <class T>
std::string Trainer<T>::find_nonfinite(const Run& run, Position last) {
  plan_->restore(snapshot_, snapshot_t_);
  uint32_t step = snapshot_at_.step;
  for (epoch_ = snapshot_at_.epoch; epoch_ <= last.epoch; ++epoch_, step = 0) {
    begin_epoch(run);
    const uint32_t end = epoch_ < last.epoch ? static_cast<uint32_t>(run.steps_per_epoch) : last.step + 1;
    for (; step < end; ++step) {
      int64_t t = 0;
      plan_->save(previous_, t);
      const StepResult result = run_step(run, step);
      const std::string broken = result.finite ? plan_->nonfinite_parameter() : "";
      if (result.finite && broken.empty()) continue;
      plan_->restore(previous_, t);
      const std::string where = "epoch " + std::to_string(epoch_ + 1) + ", step " + std::to_string(step + 1) + ": ";
      const std::string what = broken.empty() ? name_nonfinite(step) : broken + " after the update";
      return where + what + " is not finite; the model holds its last finite parameters";
    }
  }
  throw StateError("[Trainer] a step that was not finite became finite when it was repeated");
}

/// The first tensor of the step that is not finite, as the layerwise way meets it.
template <class T>
std::string Trainer<T>::name_nonfinite(uint32_t step) {
  const auto finite = [](int64_t n, const T* x) { return kernels<T>().all_finite(n, x); };
  plan_->leave();
  const Shape shape = plan_->sample().with_batch(y_.shape[0]);
  if (!finite(shape.size(), x_)) return "the input x";
  const Pass pass{true, false, options_.seed, static_cast<uint32_t>(epoch_), step};
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

template void Trainer<float>::fail(Run&, FitResult&, Position);
template void Trainer<double>::fail(Run&, FitResult&, Position);
template std::string Trainer<float>::find_nonfinite(const Run&, Position);
template std::string Trainer<double>::find_nonfinite(const Run&, Position);
template std::string Trainer<float>::name_nonfinite(uint32_t);
template std::string Trainer<double>::name_nonfinite(uint32_t);

}  // namespace nncore
