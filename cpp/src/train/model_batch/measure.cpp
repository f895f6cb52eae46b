#include <algorithm>

#include "train/model_batch/model_batch.hpp"

namespace nncore {

/// The kernels handle no ignored labels and no weights of samples.
template <class T>
bool ModelBatch<T>::handles(const Dataset<T>& data) const {
  const Target<T>& y = data.y;
  if (y.weights != nullptr || loss_.labels != (y.labels != nullptr) || data.x.shape.rank() != 2) return false;
  const int64_t C = stages_.back().C, N = data.size();
  return !loss_.labels || std::all_of(y.labels, y.labels + N, [C](int64_t label) { return label >= 0 && label < C; });
}

template <class T>
void ModelBatch<T>::hold_out(const std::optional<Dataset<T>>& data,
                             std::optional<Evaluation> EpochRecord::*evaluation) {
  if (!data) return;
  HeldOut& held = held_.emplace_back(HeldOut{*data, evaluation, {}});
  if (handles(*data)) held.x = held.samples.gather(of_lane(0).model, data->x, {nullptr, 0, data->size()});
}

/// The numbers of an epoch: on held-out data of all models at once where the kernels can, else of one after the other.
template <class T>
void ModelBatch<T>::measure(const RequestedMetrics<T>& requested) {
  bool alone = !requested.metrics.empty();
  for (const HeldOut& held : held_) {
    const bool in_lanes = held.x != nullptr && requested.metrics.empty();
    if (in_lanes) measure_in_lanes(held);
    alone = alone || !in_lanes;
  }
  for (int64_t i = 0; alone && i < models_; ++i) {
    if (nonfinite_[static_cast<std::size_t>(i)]) continue;
    exchange(i);
    try {
      measure_alone(i, requested);
    } catch (...) {
      exchange(i);
      throw;
    }
    exchange(i);
  }
}

template <class T>
void ModelBatch<T>::measure_in_lanes(const HeldOut& held) {
  const int64_t N = held.data.size();
  for (auto* sums : {&step_loss_, &right_}) std::fill(sums->begin(), sums->end(), 0.0);
  for (int64_t first = 0; first < N; first += block_) {
    const int64_t S = std::min(block_, N - first);
    gather({held.x, held.data.y, nullptr}, first, S);
    forward(S);
    loss_.kernel({S, stages_.back().C, block_}, T(1), stages_.back().y, y_, gradients_[0], step_loss_.data(),
                 right_.data());
  }
  const double values = static_cast<double>(N * terms());
  const double batch = static_cast<double>(batch_) / static_cast<double>(N);
  for (std::size_t i = 0; i < results_.size(); ++i) {
    Evaluation measured{loss_.mean ? step_loss_[i] / values : step_loss_[i] * batch, std::nullopt, {}};
    if (accuracy_) measured.accuracy = right_[i] / values;
    results_[i].epochs.back().*held.evaluation = measured;
  }
}

/// What of the last epoch is not there yet, by Trainer::evaluate: the model has its parameters.
template <class T>
void ModelBatch<T>::measure_alone(int64_t model, const RequestedMetrics<T>& requested) {
  Trainer<T>& trainer = *trainers_[model_of(model)];
  EpochRecord& record = results_[static_cast<std::size_t>(model)].epochs.back();
  if (!requested.metrics.empty()) {
    record.train.metrics = trainer.evaluate(data_, requested.without_accuracy(), batch_).metrics;
  }
  for (const HeldOut& held : held_) {
    std::optional<Evaluation>& numbers = record.*held.evaluation;
    if (!numbers) numbers = trainer.evaluate(held.data, requested, batch_);
  }
}

/// Swaps the parameters of the trainer's model, which after a failure have to be what they were, with those here.
template <class T>
void ModelBatch<T>::exchange(int64_t model) {
  const TrainerView<T> trainer = of_lane(model);
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    const auto [parameter, element] = elements_[i];
    std::swap(trainer.model.parameters()[static_cast<std::size_t>(parameter)]->value[element],
              w_[i * static_cast<std::size_t>(lanes_) + static_cast<std::size_t>(model)]);
  }
}

template bool ModelBatch<float>::handles(const Dataset<float>&) const;
template bool ModelBatch<double>::handles(const Dataset<double>&) const;
template void ModelBatch<float>::hold_out(const std::optional<Dataset<float>>&,
                                          std::optional<Evaluation> EpochRecord::*);
template void ModelBatch<double>::hold_out(const std::optional<Dataset<double>>&,
                                           std::optional<Evaluation> EpochRecord::*);
template void ModelBatch<float>::measure(const RequestedMetrics<float>&);
template void ModelBatch<double>::measure(const RequestedMetrics<double>&);
template void ModelBatch<float>::measure_alone(int64_t, const RequestedMetrics<float>&);
template void ModelBatch<double>::measure_alone(int64_t, const RequestedMetrics<double>&);

}  // namespace nncore
