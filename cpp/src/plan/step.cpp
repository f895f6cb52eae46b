/// Running a plan: one training step.
#include <algorithm>
#include <cmath>

#include "kernels/reduce/reduce.hpp"
#include "lowering/nodes.hpp"
#include "nncore/plan.hpp"
#include "nncore/thread_pool.hpp"
#include "plan/online.hpp"
#include "plan/planned_parameter.hpp"

namespace nncore {

template <class T>
int64_t Plan<T>::max_steps() const {
  return online_ ? Online<T>::kMaxSteps : 1;
}

template <class T>
void Plan<T>::run(int64_t steps, int64_t N, const T* x, const Target<T>& target, const Pass& pass,
                  StepResult* results) {
  if (online_) return online_->run(steps, x, target, results);
  results[0] = step(N, x, target, pass);
}

template <class T>
StepResult Plan<T>::step(int64_t N, const T* x, const Target<T>& target, const Pass& pass) {
  if (!user_defined_) return run_step(N, x, target, pass);
  // With user-defined code updates wait for the end of backward: until then only running statistics and the step count
  // have changed.
  const auto for_each_statistic = [&](auto f) {
    T* at = running_.data();
    for (const Parameter<T>* buffer : model_.buffers()) at = f(buffer->value, buffer->shape.size(), at);
  };
  const int64_t t = optimizer_.t();
  int64_t total = 0;
  for (const Parameter<T>* buffer : model_.buffers()) total += buffer->shape.size();
  running_.reserve(total);
  for_each_statistic([](const T* value, int64_t n, T* kept) { return std::copy_n(value, n, kept); });
  try {
    return run_step(N, x, target, pass);
  } catch (...) {
    for_each_statistic([](T* value, int64_t n, T* kept) { return std::copy_n(kept, n, value), kept + n; });
    optimizer_.set_t(t);
    model_.zero_grad();
    throw;
  }
}

template <class T>
StepResult Plan<T>::run_step(int64_t N, const T* x, const Target<T>& target, const Pass& pass) {
  StepResult result;
  if (!target.any_weight()) {  // a step all the same: the optimizer counts it, and a schedule goes on
    result.counts = false;
    result.loss = result.penalty = penalty(options_.penalty_share(target));
    result.rate = optimizer_.begin_step().rate;
    return result;
  }
  for (const T** reader : x_readers_) *reader = x;
  for (Node<T>& node : graph_->nodes) graph_->forward(node, N, pass);
  const double value = loss_.value_and_gradient(outputs(N), target, dz_);
  result.counts = !std::isnan(value) || loss_.any_counts(target);
  penalty_share_ = options_.penalty_share(target);
  result.penalty = penalty(penalty_share_);
  result.loss = (result.counts ? value : 0.0) + result.penalty;
  if (options_.check_finite && !std::isfinite(result.loss)) {  // nothing has been updated yet
    result.finite = false;
    return result;
  }
  finite_.store(true, std::memory_order_relaxed);
  constants_ = optimizer_.begin_step();
  result.rate = constants_.rate;
  backward(N);
  if (deferred_) clip_and_update(result);
  result.finite = finite_.load(std::memory_order_relaxed);
  return result;
}

template <class T>
void Plan<T>::backward(int64_t N) {
  for (std::size_t i = graph_->nodes.size(); i-- > 0;) {
    Node<T>& node = graph_->nodes[i];
    if (node.dy == nullptr) continue;  // no trained parameters before it
    current_ = &node;
    graph_->backward(node, N, *this);
    for (std::size_t k = 0; !node.lowered && !deferred_ && k < node.parameters.size(); ++k) {
      PlannedParameter<T>& p = parameters_[node.parameters[k]];
      if (!p.frozen) apply_update(p, 0, p.n, p.natural->grad);
      std::fill_n(p.natural->grad, p.n, T(0));
    }
  }
}

/// A tile of a lowered layer's gradient is ready.
template <class T>
void Plan<T>::accept(int parameter, int64_t offset, int64_t n, T* g) {
  PlannedParameter<T>& p = parameters_[current_->parameters[static_cast<std::size_t>(parameter)]];
  if (p.frozen) return;
  if (deferred_) {
    std::copy_n(g, n, p.g + offset);
  } else {
    apply_update(p, offset, n, g);
  }
}

/// Penalties and clipping by value: the elementwise operations between a gradient and its update.
template <class T>
void Plan<T>::add_penalty_and_clip(const PlannedParameter<T>& p, int64_t offset, int64_t n, T* g) const {
  if (p.natural->role == Role::weight && (options_.l1 > 0 || options_.l2 > 0)) {
    const T l2 = static_cast<T>(options_.l2 * penalty_share_), l1 = static_cast<T>(options_.l1 * penalty_share_);
    kernels<T>().reduce.add_penalty(n, l2, l1, p.w + offset, g);
  }
  if (options_.clip_value > 0) {
    const T bound = static_cast<T>(options_.clip_value);
    for (int64_t i = 0; i < n; ++i) g[i] = g[i] > bound ? bound : g[i] < -bound ? -bound : g[i];
  }
}

template <class T>
void Plan<T>::apply_update(PlannedParameter<T>& p, int64_t offset, int64_t n, T* g) {
  add_penalty_and_clip(p, offset, n, g);
  if (options_.check_finite && !kernels<T>().reduce.all_finite(n, g)) {
    finite_.store(false, std::memory_order_relaxed);
    return;
  }
  T* state[Optimizer<T>::kMaxStates];
  for (int k = 0; k < Optimizer<T>::kMaxStates; ++k) state[k] = p.state[k] == nullptr ? nullptr : p.state[k] + offset;
  optimizer_.update(constants_, n, p.w + offset, g, state);
}

/// All gradients are known: clip by their common norm, then update.
template <class T>
void Plan<T>::clip_and_update(StepResult& result) {
  double squares = 0;
  for (PlannedParameter<T>& p : parameters_) {
    if (p.frozen) continue;
    add_penalty_and_clip(p, 0, p.n, p.g);
    squares += kernels<T>().reduce.sum_squares(p.n, p.g);
  }
  result.grad_norm = std::sqrt(squares);
  if (options_.check_finite && !std::isfinite(squares)) {
    finite_.store(false, std::memory_order_relaxed);
    return;
  }
  // PyTorch's clip_grad_norm_: the 1e-6 keeps the quotient finite.
  const double factor = options_.clip_norm > 0 ? options_.clip_norm / (result.grad_norm + 1e-6) : 1.0;
  for (PlannedParameter<T>& p : parameters_) {
    if (p.frozen) {  // layers that run as they stand have added to its gradient
      std::fill_n(p.g, p.n, T(0));
      continue;
    }
    if (factor < 1.0) {
      for (int64_t i = 0; i < p.n; ++i) p.g[i] *= static_cast<T>(factor);
    }
    if (!optimizer_.user_defined()) optimizer_.update(constants_, p.n, p.w, p.g, p.state);
  }
  if (optimizer_.user_defined()) update_by_users_rule();
  for (PlannedParameter<T>& p : parameters_) std::fill_n(p.g, p.n, T(0));
}

/// A user's rule sees parameters, gradients and state as they are shaped, not as they are packed.
template <class T>
void Plan<T>::update_by_users_rule() {
  for (PlannedParameter<T>& p : parameters_) {
    if (p.packing == nullptr || p.frozen) continue;
    p.packing->unpack(p.packing_index, p.w, p.natural->value);
    p.packing->unpack(p.packing_index, p.g, p.natural->grad);
    for (int k = 0; k < optimizer_.n_states(); ++k) {
      p.packing->unpack(p.packing_index, p.state[k], optimizer_.state(p.index, k));
    }
  }
  optimizer_.update_all(constants_, model_.parameters());
  for (PlannedParameter<T>& p : parameters_) {
    if (p.packing == nullptr || p.frozen) continue;
    p.packing->pack(p.packing_index, p.natural->value, p.w);
    for (int k = 0; k < optimizer_.n_states(); ++k) {
      p.packing->pack(p.packing_index, optimizer_.state(p.index, k), p.state[k]);
    }
  }
}

template <class T>
double Plan<T>::penalty(double share) const {
  if (options_.l1 == 0 && options_.l2 == 0) return 0;
  double sum = 0;
  for (const PlannedParameter<T>& p : parameters_) {
    if (p.natural->role != Role::weight || p.frozen) continue;
    if (options_.l2 > 0) sum += 0.5 * (options_.l2 * share) * kernels<T>().reduce.sum_squares(p.n, p.w);
    if (options_.l1 > 0) sum += options_.l1 * share * kernels<T>().reduce.sum_absolute(p.n, p.w);
  }
  return sum;
}

template double Plan<float>::penalty(double) const;
template double Plan<double>::penalty(double) const;
template int64_t Plan<float>::max_steps() const;
template int64_t Plan<double>::max_steps() const;
template void Plan<float>::run(int64_t, int64_t, const float*, const Target<float>&, const Pass&, StepResult*);
template void Plan<double>::run(int64_t, int64_t, const double*, const Target<double>&, const Pass&, StepResult*);
template void Plan<float>::accept(int, int64_t, int64_t, float*);
template void Plan<double>::accept(int, int64_t, int64_t, double*);

}  // namespace nncore
