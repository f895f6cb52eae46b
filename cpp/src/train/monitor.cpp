#include "nncore/monitor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reduce/reduce.hpp"
#include "train/statistics.hpp"

namespace nncore {
template <class T>
Monitor<T>::Monitor(Model<T>& model, std::vector<SamplingInterval> intervals, const GradientOptions& options)
    : model_(model), intervals_(std::move(intervals)), options_(options) {
  for (std::size_t i = 0; i < model.n_nodes(); ++i) add_rows_of(i);
}

/// For a tensor and its gradient.
template <class T>
std::size_t Monitor<T>::add_rows(const std::string& name) {
  names_.push_back(name);
  names_.push_back(name + ".grad");
  return names_.size() - 2;
}

/// Of a node's parameters, each where it is used first, and of its output.
template <class T>
void Monitor<T>::add_rows_of(std::size_t node) {
  for (const std::size_t h : model_.trained_of(node)) {
    if (h == parameter_row_.size()) parameter_row_.push_back(add_rows(model_.parameter_names()[h]));
  }
  output_row_.push_back(add_rows(model_.node(node).name + ".output"));
}

template <class T>
bool Monitor<T>::due(int64_t updates, int64_t epoch, int64_t within) const {
  return std::any_of(intervals_.begin(), intervals_.end(),
                     [&](const SamplingInterval& interval) { return interval.due(updates, epoch, within); });
}

template <class T>
int64_t Monitor<T>::steps_until_due(int64_t updates) const {
  int64_t steps = std::numeric_limits<int64_t>::max();
  for (const SamplingInterval& interval : intervals_) {
    if (!interval.by_epoch) steps = std::min(steps, interval.every - updates % interval.every);
  }
  return steps;
}

template <class T>
void Monitor<T>::describe(std::size_t row, int64_t n, const T* x, Bounds bounds) {
  for (Observation& seen : observations_) {
    int64_t* const counts = seen.counts.data() + static_cast<std::ptrdiff_t>(row) * seen.bins;
    seen.statistics[row] = describe_elements(n, x, bounds, seen.bins, counts);
  }
}

template <class T>
void Monitor<T>::describe_output(std::size_t node) {
  const View<const T> y = model_.value(node + 1);
  const std::size_t row = output_row_[node];
  Layer<T>& layer = model_.layer(node);
  describe(row, y.size(), y.data, layer.saturation_bounds());
  if (!layer.elementwise()) return;
  const double dead = dead_share(y);
  for (Observation& seen : observations_) seen.statistics[row].dead = dead;
}

template <class T>
void Monitor<T>::observe(Plan<T>& plan, Loss<T>& loss, int64_t N, const T* x, const Target<T>& target, Pass pass,
                      int64_t updates) {
  observations_.clear();
  for (std::size_t i = 0; i < intervals_.size(); ++i) {
    const SamplingInterval& interval = intervals_[i];
    if (!interval.due(updates, pass.epoch, pass.step)) continue;
    Observation seen{i, updates, int64_t{pass.epoch} + 1, 0, 0, interval.bins, {}, {}};
    seen.statistics.resize(names_.size());
    seen.counts.resize(names_.size() * static_cast<std::size_t>(interval.bins));
    observations_.push_back(std::move(seen));
  }
  plan.publish_parameters();
  T* kept = before_.reserve(model_.n_values());
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    const Parameter<T>& p = *model_.parameters()[i];
    describe(parameter_row_[i], p.shape.size(), p.value);
    kept = std::copy_n(p.value, p.shape.size(), kept);
  }
  pass.update_state = false;
  const View<const T> z = model_.forward_normalized({x, plan.sample().with_batch(N)}, pass);
  for (std::size_t i = 0; i < model_.n_nodes(); ++i) describe_output(i);
  add_gradients(plan, loss, z, target);
}

/// The way back: gradients of the outputs on their way, then those of the parameters.
template <class T>
void Monitor<T>::add_gradients(const Plan<T>& plan, Loss<T>& loss, View<const T> z, const Target<T>& target) {
  T* dz = dz_.reserve(z.size());
  const double share = options_.penalty_share(target);
  const double value = loss.value_and_gradient(z, target, dz) + plan.penalty(share);
  model_.backward({dz, z.shape}, [&](std::size_t node, View<const T> dy) {
    describe(output_row_[node] + 1, dy.size(), dy.data);
  });
  double squares = 0;
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    const Parameter<T>& p = *model_.parameters()[i];
    const int64_t n = p.shape.size();
    if (p.role == Role::weight && p.learns() && (options_.l1 > 0 || options_.l2 > 0)) {
      const T l2 = static_cast<T>(options_.l2 * share), l1 = static_cast<T>(options_.l1 * share);
      kernels<T>().reduce.add_penalty(n, l2, l1, p.value, p.grad);
    }
    describe(parameter_row_[i] + 1, n, p.grad);
    squares += kernels<T>().reduce.sum_squares(n, p.grad);
  }
  model_.zero_grad();
  for (Observation& seen : observations_) {
    seen.loss = value;
    seen.grad_norm = std::sqrt(squares);
  }
}

template <class T>
void Monitor<T>::measure_update(Plan<T>& plan) {
  plan.publish_parameters();
  const T* before = before_.data();
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    const Parameter<T>& p = *model_.parameters()[i];
    double moved = 0, was = 0;
    for (int64_t k = 0; k < p.shape.size(); ++k) {
      const double from = before[k], by = static_cast<double>(p.value[k]) - from;
      moved += by * by;
      was += from * from;
    }
    before += p.shape.size();
    for (Observation& seen : observations_) seen.statistics[parameter_row_[i]].update_ratio = std::sqrt(moved / was);
  }
}

template class Monitor<float>;
template class Monitor<double>;

}  // namespace nncore
