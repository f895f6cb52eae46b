/// ModelBatch: trainers of small models take their steps together, one model in each vector lane. They have the same
/// sizes, kinds, data and batch size; each has its own parameters, rates, penalties and order of samples. Nothing
/// crosses lanes, so a model's bits do not depend on the other models.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "kernels/small_nets/batched_loss.hpp"
#include "nncore/trainer.hpp"

namespace nncore {

template <class T>
class ModelBatch {
 public:
  /// A net of more weights, or more samples a step, keeps the vector units busy by itself: a full batch of models gains
  /// less than twofold. Steps of a single sample have the online executor.
  static constexpr int64_t kMaxWeights = 512, kMaxSamples = 32;

  /// What trainers on so many samples must have in common to be one batch; nothing: this one trains alone. Sizes and
  /// kinds alone decide, never how many there are, so a trainer's numbers are the same with any others, or none.
  static std::optional<std::string> key(Trainer<T>& trainer, int64_t samples);

  /// For trainers with the same key on these data, up to one for each lane. Throws StateError for targets that have no
  /// kernel and for models that share parameters; nothing has changed then.
  ModelBatch(std::vector<Trainer<T>*> trainers, const Dataset<T>& data);

  /// As Trainer::fit for each. Returns true for each whose numbers were not finite: that trainer is as it was before,
  /// to be fitted alone, which names what was not.
  std::vector<bool> fit(const std::optional<Dataset<T>>& validation, const std::optional<Dataset<T>>& test,
                        const FitLength& length, const RequestedMetrics<T>& requested, Observer& observer);

 private:
  /// A Linear layer, K inputs and C outputs, and the activation after it. A bias is a last column of weights whose
  /// input is 1. Arrays x (columns, block) and y.
  struct Stage {
    int64_t K, C, columns;
    Elementwise<T> after;
    int64_t first;  ///< its first weight, in registers
    T *x = nullptr, *y = nullptr;
  };
  /// The element of a model's parameters that register i of the weights holds.
  struct ParameterElement {
    int parameter;
    int64_t element;
  };

  /// Samples and targets that columns of the block are filled from. Lane l takes them in order[min(l, models - 1) * N],
  /// …; null: one after the other.
  struct Source {
    const T* x;  ///< normalised
    const Target<T>& y;
    const int64_t* order;
  };
  /// Data that the models are measured on after each epoch.
  struct HeldOut {
    const Dataset<T>& data;
    std::optional<Evaluation> EpochRecord::*evaluation;
    SampleBatch<T> samples;
    const T* x = nullptr;  ///< all of them, normalised; null: the kernels do not handle the targets
  };

  /// Lanes beyond the last model compute that one again.
  std::size_t model_of(int64_t lane) const { return static_cast<std::size_t>(std::min(lane, models_ - 1)); }
  TrainerView<T> of_lane(int64_t lane) const { return trainers_[model_of(lane)]->view(); }
  /// Losses that a sample adds to the sum.
  int64_t terms() const { return loss_.labels ? 1 : stages_.back().C; }
  static bool is_relu(const Stage& stage) { return stage.after.forward == kernels<T>().elementwise.relu.forward; }
  static std::vector<Stage> stages_of(Model<T>& model);
  void check() const;
  bool handles(const Dataset<T>& data) const;
  void place_buffers();
  void pack();
  void unpack(int64_t model);
  void begin_epoch();
  void run_step();
  void gather(const Source& source, int64_t first, int64_t S);
  void forward(int64_t S);
  void loss_and_backward(int64_t S, T scale, bool add);
  void update();
  void count_step(int64_t count, double scale);
  void end_epoch(double seconds);
  void start(const RequestedMetrics<T>& requested);
  void hold_out(const std::optional<Dataset<T>>& data, std::optional<Evaluation> EpochRecord::*evaluation);
  void measure(const RequestedMetrics<T>& requested);
  void measure_in_lanes(const HeldOut& held);
  void measure_alone(int64_t model, const RequestedMetrics<T>& requested);
  void exchange(int64_t model);
  void finish(const RequestedMetrics<T>& requested, bool interrupted);
  void hand_over(int64_t model, const RequestedMetrics<T>& requested);

  std::vector<Trainer<T>*> trainers_;
  const Dataset<T>& data_;
  int64_t models_, lanes_, N_, batch_, block_;  ///< block_: samples computed at a time, up to 8
  bool shuffled_, penalized_ = false, accuracy_ = false;
  BatchedLoss<T> loss_;
  std::vector<Stage> stages_;
  std::vector<ParameterElement> elements_;
  SampleBatch<T> samples_;
  const T* x_ = nullptr;  ///< all samples, normalised
  std::vector<int64_t> order_;
  std::deque<HeldOut> held_;
  Buffer<T> arena_;
  T *w_ = nullptr, *g_ = nullptr, *y_ = nullptr;
  T* state_[Optimizer<T>::kMaxStates] = {};
  T* gradients_[2] = {nullptr, nullptr};
  // one for each lane
  std::vector<const Optimizer<T>*> optimizers_;
  std::vector<StepConstants> constants_;
  std::vector<double> l1_, l2_, step_loss_, penalty_, right_;
  // one for each model
  std::vector<bool> nonfinite_;  ///< it had a loss or a weight that is not finite
  std::vector<FitResult> results_;
  std::vector<Cursor> cursors_;
  int64_t epoch_ = 0, step_ = 0, steps_ = 0;  ///< step_: of this epoch; steps_: of all
};

}  // namespace nncore
