#include "train/model_batch/model_batch.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/small_nets/model_batch.hpp"
#include "nncore/rng.hpp"
#include "train/clock.hpp"
#include "train/ticker.hpp"

namespace nncore {
namespace {

void require(bool condition, const char* what) {
  if (!condition) throw StateError(std::string("[Trainer] model batch: expected ") + what);
}

}  // namespace

template <class T>
ModelBatch<T>::ModelBatch(std::vector<Trainer<T>*> trainers, const Dataset<T>& data)
    : trainers_(std::move(trainers)), data_(data), models_(static_cast<int64_t>(trainers_.size())),
      lanes_(kernels<T>().lanes), N_(data.size()) {
  require(models_ >= 1 && models_ <= lanes_, "a trainer for each lane");
  check();
  const TrainerView<T> first = of_lane(0);
  batch_ = first.options.batch_of(N_);
  shuffled_ = first.options.shuffle && batch_ < N_;
  constexpr int64_t kBlock = 8;
  const int64_t blocks = (batch_ + kBlock - 1) / kBlock;
  block_ = (batch_ + blocks - 1) / blocks;
  loss_ = first.loss.batched();
  stages_ = stages_of(first.model);
  require(handles(data), "targets that the kernel knows");
  for (const Stage& stage : stages_) {
    const int weight = elements_.empty() ? 0 : elements_.back().parameter + 1;
    for (int64_t c = 0; c < stage.C; ++c) {
      for (int64_t k = 0; k < stage.K; ++k) elements_.push_back({weight, c * stage.K + k});
      if (stage.columns > stage.K) elements_.push_back({weight + 1, c});
    }
  }
  x_ = samples_.gather(first.model, data.x, {nullptr, 0, N_});
  for (int64_t l = 0; l < lanes_; ++l) {
    const TrainerView<T> trainer = of_lane(l);
    optimizers_.push_back(&trainer.optimizer);
    constants_.push_back({.rate = trainer.optimizer.rate()});
    l1_.push_back(trainer.options.gradient.l1);
    l2_.push_back(trainer.options.gradient.l2);
    penalized_ = penalized_ || l1_.back() > 0 || l2_.back() > 0;
  }
  place_buffers();
}

template <class T>
void ModelBatch<T>::check() const {
  const auto wanted = key(*trainers_.front(), N_);
  require(wanted.has_value(), "trainers that have a key");
  std::set<const T*> memory;
  for (Trainer<T>* trainer : trainers_) {
    require(key(*trainer, N_) == wanted, "trainers with one key");
    for (const Parameter<T>* p : trainer->view().model.parameters()) {
      require(memory.insert(p->value).second, "models that share nothing");
    }
  }
}

/// One arena: weights, gradients, optimizer state; each stage's input, with rows of ones for a bias, and the last one's
/// output; two gradients that alternate as dz and dx.
template <class T>
void ModelBatch<T>::place_buffers() {
  const int64_t P = static_cast<int64_t>(elements_.size()), states = of_lane(0).optimizer.n_states();
  const int64_t C = stages_.back().C, targets = loss_.labels ? 1 : C;
  int64_t widest = C, rows = targets + C;
  for (const Stage& stage : stages_) widest = std::max(widest, stage.K), rows += stage.columns;
  T* at = arena_.reserve(((2 + states) * P + (rows + 2 * widest) * block_) * lanes_);
  const auto place = [&](int64_t registers) { return std::exchange(at, at + registers * lanes_); };
  w_ = place(P), g_ = place(P);
  for (int64_t k = 0; k < states; ++k) state_[k] = place(P);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    Stage& stage = stages_[i];
    stage.x = place(stage.columns * block_);
    if (stage.columns > stage.K) std::fill_n(stage.x + stage.K * block_ * lanes_, block_ * lanes_, T(1));
    if (i > 0) stages_[i - 1].y = stage.x;
  }
  stages_.back().y = place(C * block_);
  y_ = place(targets * block_);
  for (T*& gradient : gradients_) gradient = place(widest * block_);
  for (auto* sums : {&step_loss_, &penalty_, &right_}) sums->resize(static_cast<std::size_t>(lanes_));
}

template <class T>
void ModelBatch<T>::pack() {
  for (int64_t l = 0; l < lanes_; ++l) {
    const TrainerView<T> trainer = of_lane(l);
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      const auto [parameter, element] = elements_[i];
      const std::size_t at = i * static_cast<std::size_t>(lanes_) + static_cast<std::size_t>(l);
      w_[at] = trainer.model.parameters()[static_cast<std::size_t>(parameter)]->value[element];
      for (int k = 0; k < trainer.optimizer.n_states(); ++k) {
        state_[k][at] = trainer.optimizer.state(parameter, k)[element];
      }
    }
  }
}

template <class T>
void ModelBatch<T>::unpack(int64_t model) {
  const TrainerView<T> trainer = of_lane(model);
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    const auto [parameter, element] = elements_[i];
    const std::size_t at = i * static_cast<std::size_t>(lanes_) + static_cast<std::size_t>(model);
    trainer.model.parameters()[static_cast<std::size_t>(parameter)]->value[element] = w_[at];
    for (int k = 0; k < trainer.optimizer.n_states(); ++k) {
      trainer.optimizer.state(parameter, k)[element] = state_[k][at];
    }
  }
}

/// Fills one column of the block for each of S samples.
template <class T>
void ModelBatch<T>::gather(const Source& source, int64_t first, int64_t S) {
  const int64_t D = stages_.front().K, C = stages_.back().C, lanes = lanes_, row_length = block_ * lanes;
  const auto each = [&](const auto* from, int64_t width, T* to) {
    for (int64_t k = 0; k < width; ++k, to += row_length) {
      if (source.order == nullptr) {
        for (int64_t s = 0; s < S; ++s) {
          std::fill_n(to + s * lanes, lanes, static_cast<T>(from[(first + s) * width + k]));
        }
        continue;
      }
      for (int64_t l = 0; l < lanes; ++l) {
        const int64_t* order = source.order + std::min(l, models_ - 1) * N_ + first;
        for (int64_t s = 0; s < S; ++s) to[s * lanes + l] = static_cast<T>(from[order[s] * width + k]);
      }
    }
  };
  each(source.x, D, stages_.front().x);
  if (loss_.labels) {
    each(source.y.labels, 1, y_);
  } else {
    each(source.y.values, C, y_);
  }
}

/// S samples: y = x W^T and the activation, stage by stage.
template <class T>
void ModelBatch<T>::forward(int64_t S) {
  const Kernels<T>& k = kernels<T>();
  for (const Stage& stage : stages_) {
    const bool relu = is_relu(stage);
    k.model_batch.product({S, stage.C, stage.columns, 1, block_, stage.columns, 1, 1, block_, false, relu}, stage.x,
                          w_ + stage.first * lanes_, nullptr, stage.y);
    if (stage.after && !relu) stage.after.forward(stage.C * block_ * lanes_, stage.after.a, stage.y, stage.y);
  }
}

/// After forward: dz from the loss, then dW = dz^T x and dx = dz W from the last stage to the first.
template <class T>
void ModelBatch<T>::loss_and_backward(int64_t S, T scale, bool add) {
  const Kernels<T>& k = kernels<T>();
  T *dz = gradients_[0], *dx = gradients_[1];
  loss_.kernel({S, stages_.back().C, block_}, scale, stages_.back().y, y_, dz, step_loss_.data(), right_.data());
  for (std::size_t i = stages_.size(); i-- > 0;) {
    const Stage& stage = stages_[i];
    const bool gated =
        is_relu(stage) && i + 1 < stages_.size();  // the dx product of the stage after it has applied ReLU's derivative
    if (stage.after && !gated) stage.after.backward(stage.C * block_ * lanes_, stage.after.a, stage.y, dz, dz);
    k.model_batch.product({stage.C, stage.columns, S, block_, 1, block_, 1, stage.columns, 1, add, false}, dz, stage.x,
                          nullptr, g_ + stage.first * lanes_);
    if (i == 0) break;
    k.model_batch.product({S, stage.K, stage.C, 1, block_, 1, stage.columns, 1, block_, false, false}, dz,
                          w_ + stage.first * lanes_, is_relu(stages_[i - 1]) ? stage.x : nullptr, dx);
    std::swap(dz, dx);
  }
}

template <class T>
void ModelBatch<T>::run_step() {
  const int64_t first = step_ * batch_, count = std::min(batch_, N_ - first);
  const double scale = loss_.mean ? 1.0 / static_cast<double>(count * terms()) : 1.0;
  for (auto* sums : {&step_loss_, &penalty_, &right_}) std::fill(sums->begin(), sums->end(), 0.0);
  for (int64_t done = 0; done < count; done += block_) {
    const int64_t S = std::min(block_, count - done);
    gather({x_, data_.y, shuffled_ ? order_.data() : nullptr}, first + done, S);
    forward(S);
    loss_and_backward(S, static_cast<T>(scale), done > 0);
  }
  update();
  count_step(count, scale);
}

template <class T>
void ModelBatch<T>::update() {
  for (const Stage& stage : stages_) {
    if (!penalized_) break;
    kernels<T>().model_batch.penalty(stage.C, stage.K, stage.columns, l2_.data(), l1_.data(), w_ + stage.first * lanes_,
                                    g_ + stage.first * lanes_, penalty_.data());
  }
  for (StepConstants& constants : constants_) constants.t = steps_ + 1;
  const int64_t n = static_cast<int64_t>(elements_.size()) * lanes_;
  optimizers_.front()->update_model_batch(optimizers_.data(), constants_.data(), n, w_, g_, state_);
}

/// A model whose loss is not finite runs on to the end of the fit: its lane has to compute something, and the result
/// is dropped.
template <class T>
void ModelBatch<T>::count_step(int64_t count, double scale) {
  for (std::size_t i = 0; i < cursors_.size(); ++i) {
    const double loss = step_loss_[i] * scale + penalty_[i];
    if (!std::isfinite(loss)) nonfinite_[i] = true;
    Cursor& cursor = cursors_[i];
    cursor.loss_sum += loss * static_cast<double>(count);
    if (count < batch_ && !loss_.mean) cursor.loss_sum += step_loss_[i] * static_cast<double>(batch_ - count);
    cursor.seen += static_cast<double>(count);
    if (accuracy_ && !nonfinite_[i]) {
      cursor.score.correct += static_cast<double>(right_[i]);
      cursor.score.counted += static_cast<double>(count * terms());
    }
    FitResult& result = results_[i];
    for (Trace* trace : {&result.losses, &result.rates}) trace->make_room(1);
    result.losses.add(loss);
    result.rates.add(constants_[i].rate);
  }
  ++step_, ++steps_;
}

template <class T>
void ModelBatch<T>::begin_epoch() {
  step_ = 0;
  for (int64_t i = 0; i < models_; ++i) {
    Cursor& cursor = cursors_[static_cast<std::size_t>(i)];
    cursor = {};
    cursor.samples = N_;
    cursor.rate = constants_[static_cast<std::size_t>(i)].rate;
    if (!shuffled_) continue;
    shuffle(Stream(of_lane(i).options.seed, "shuffle", static_cast<uint32_t>(epoch_)), N_, order_.data() + i * N_);
  }
}

template <class T>
void ModelBatch<T>::end_epoch(double seconds) {
  ++epoch_;
  for (std::size_t i = 0; i < cursors_.size(); ++i) {
    Cursor& cursor = cursors_[i];
    Evaluation trained{cursor.loss(), std::nullopt, {}};
    if (accuracy_) trained.accuracy = cursor.score.accuracy();
    results_[i].epochs.push_back({epoch_, step_, trained, {}, {}, cursor.rate, seconds});
    cursor = {};
    cursor.samples = N_;
  }
}

/// Parameters, optimizer state, history and cursor go to the trainer.
template <class T>
void ModelBatch<T>::hand_over(int64_t model, const RequestedMetrics<T>& requested) {
  const TrainerView<T> view = of_lane(model);
  FitResult& result = results_[static_cast<std::size_t>(model)];
  unpack(model);
  view.model.parameters_changed();
  view.model.zero_grad();
  view.optimizer.set_t(steps_);
  view.optimizer.set_epoch(epoch_);
  view.state = {epoch_, cursors_[static_cast<std::size_t>(model)], 0};
  const bool within_epoch = view.state.cursor.seen > 0;
  view.state.cursor.step = within_epoch ? step_ : 0;
  if (!result.epochs.empty() && !result.interrupted && !within_epoch) {
    measure_alone(model, requested);
  }
  result.steps = steps_;
  view.result = std::move(result);
}

template <class T>
void ModelBatch<T>::start(const RequestedMetrics<T>& requested) {
  const auto models = static_cast<std::size_t>(models_);
  order_.resize(static_cast<std::size_t>(shuffled_ ? models_ * N_ : 0));
  accuracy_ = requested.accuracy && of_lane(0).loss.link() != Link::identity;
  nonfinite_.assign(models, false);
  results_.assign(models, FitResult());
  cursors_.assign(models, Cursor{});
  pack();
}

template <class T>
void ModelBatch<T>::finish(const RequestedMetrics<T>& requested, bool interrupted) {
  const auto lanes = static_cast<std::size_t>(lanes_);
  for (std::size_t i = 0; i < results_.size(); ++i) {
    for (std::size_t r = 0; r < elements_.size(); ++r) {
      if (!std::isfinite(w_[r * lanes + i])) nonfinite_[i] = true;
    }
    results_[i].interrupted = interrupted;
    if (!nonfinite_[i]) hand_over(static_cast<int64_t>(i), requested);
  }
}

template <class T>
std::vector<bool> ModelBatch<T>::fit(const std::optional<Dataset<T>>& validation,
                                     const std::optional<Dataset<T>>& test, const FitLength& length,
                                     const RequestedMetrics<T>& requested, Observer& observer) {
  const auto begin = Clock::now();
  const int64_t per_epoch = of_lane(0).options.steps_per_epoch(N_);
  const int64_t last = length.steps < 0 ? length.epochs : (length.steps + per_epoch - 1) / per_epoch;
  int64_t left = length.steps < 0 ? INT64_MAX : length.steps;
  start(requested);
  hold_out(validation, &EpochRecord::validation);
  hold_out(test, &EpochRecord::test);
  bool stop = false;
  Ticker ticker;
  while (epoch_ < last && !stop) {
    const auto epoch_begin = Clock::now();
    begin_epoch();
    for (; step_ < per_epoch && left > 0 && !stop; --left) {
      run_step();
      stop = ticker.due() && observer.poll({epoch_, last, step_, per_epoch, cursors_.front().loss()});
    }
    const double seconds = seconds_since(epoch_begin) / static_cast<double>(models_);
    for (Cursor& cursor : cursors_) cursor.seconds = seconds;
    if (step_ < per_epoch) break;
    end_epoch(seconds);
    if (std::find(nonfinite_.begin(), nonfinite_.end(), false) == nonfinite_.end()) break;
    if (epoch_ < last && left > 0) measure(requested);  // after the last epoch hand_over does
  }
  finish(requested, stop);
  const double seconds = seconds_since(begin) / static_cast<double>(models_);
  for (Trainer<T>* trainer : trainers_) trainer->view().result.seconds = seconds;
  return nonfinite_;
}

template class ModelBatch<float>;
template class ModelBatch<double>;

}  // namespace nncore
