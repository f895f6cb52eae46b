#include "nncore/monitor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.hpp"
#include "train/statistics.hpp"

namespace nncore {

template <class T>
Monitor<T>::Monitor(Model<T>& model, std::vector<Watch> watches, const GradientOptions& options)
    : model_(model), watches_(std::move(watches)), options_(options) {
  parameter_row_.resize(model.parameters().size());
  const auto add = [&](const std::string& name) {
    names_.push_back(name);
    names_.push_back(name + ".grad");
    return names_.size() - 2;
  };
  std::size_t next = 0;  // parameters come in the order of the layers, each where it is used first
  for (std::size_t i = 0; i < model.n_layers(); ++i) {
    for (const std::size_t h : model.trained_of(i)) {
      if (h != next) continue;
      parameter_row_[next] = add(model.parameter_names()[next]);
      ++next;
    }
    output_row_.push_back(add(model.places()[i].name + ".output"));
  }
}

template <class T>
bool Monitor<T>::due(int64_t updates, int64_t epoch, int64_t within) const {
  return std::any_of(watches_.begin(), watches_.end(), [&](const Watch& watch) {
    return watch.by_epoch ? within == 0 && epoch % watch.every == 0 : updates % watch.every == 0;
  });
}

template <class T>
int64_t Monitor<T>::steps_until_due(int64_t updates) const {
  int64_t steps = std::numeric_limits<int64_t>::max();
  for (const Watch& watch : watches_) {
    if (!watch.by_epoch) steps = std::min(steps, watch.every - updates % watch.every);
  }
  return steps;
}

template <class T>
void Monitor<T>::describe(std::size_t row, int64_t n, const T* x, Range working) {
  for (Observation& seen : seen_) {
    int64_t* const counts = seen.counts.data() + static_cast<std::ptrdiff_t>(row) * seen.bins;
    seen.statistics[row] = describe_elements(n, x, working, seen.bins, counts);
  }
}

template <class T>
void Monitor<T>::look(Plan<T>& plan, Loss<T>& loss, int64_t N, const T* x, const Target<T>& target, Pass pass,
                      int64_t updates) {
  seen_.clear();
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    const Watch& watch = watches_[i];
    if (watch.by_epoch ? pass.step != 0 || pass.epoch % watch.every != 0 : updates % watch.every != 0) continue;
    Observation seen{i, updates, int64_t{pass.epoch} + 1, 0, 0, watch.bins, {}, {}};
    seen.statistics.resize(names_.size());
    seen.counts.resize(names_.size() * static_cast<std::size_t>(watch.bins));
    seen_.push_back(std::move(seen));
  }
  plan.show_parameters();
  T* kept = before_.reserve(model_.n_values());
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    const Parameter<T>& p = *model_.parameters()[i];
    describe(parameter_row_[i], p.shape.size(), p.value);
    kept = std::copy_n(p.value, p.shape.size(), kept);
  }
  pass.update_state = false;
  const View<const T> z = model_.forward_normalized({x, plan.sample().with_batch(N)}, pass);
  for (std::size_t i = 0; i < model_.n_layers(); ++i) {
    const View<const T> y = model_.activation(static_cast<int>(i));
    describe(output_row_[i], y.size(), y.data, model_.layer(i).working_range());
    if (!model_.layer(i).elementwise()) continue;
    const double dead = dead_share(y);
    for (Observation& seen : seen_) seen.statistics[output_row_[i]].dead = dead;
  }
  add_gradients(plan, loss, z, target);
}

/// The way back: gradients of the outputs on their way, then those of the parameters.
template <class T>
void Monitor<T>::add_gradients(const Plan<T>& plan, Loss<T>& loss, View<const T> z, const Target<T>& target) {
  T* dz = dz_.reserve(z.size());
  const double value = loss.value_and_gradient(z, target, dz) + plan.penalty();
  model_.backward({dz, z.shape}, [&](std::size_t i, View<const T> dy) { describe(output_row_[i] + 1, dy.size(), dy.data); });
  double squares = 0;
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    const Parameter<T>& p = *model_.parameters()[i];
    const int64_t n = p.shape.size();
    if (p.role == Role::weight && (options_.l1 > 0 || options_.l2 > 0)) {
      kernels<T>().add_penalty(n, static_cast<T>(options_.l2), static_cast<T>(options_.l1), p.value, p.grad);
    }
    describe(parameter_row_[i] + 1, n, p.grad);
    squares += kernels<T>().sum_squares(n, p.grad);
  }
  model_.zero_grad();
  for (Observation& seen : seen_) {
    seen.loss = value;
    seen.grad_norm = std::sqrt(squares);
  }
}

template <class T>
void Monitor<T>::measure_update(Plan<T>& plan) {
  plan.show_parameters();
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
    for (Observation& seen : seen_) seen.statistics[parameter_row_[i]].update_ratio = std::sqrt(moved / was);
  }
}

template class Monitor<float>;
template class Monitor<double>;

}  // namespace nncore
