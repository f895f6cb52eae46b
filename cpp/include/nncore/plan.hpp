/// Plan: how a model trains. Built once for (model, largest batch). Values and gradients lie in one arena, where arrays
/// that are not needed at the same time share memory; parameters stay packed as their kernels require; an activation is
/// applied to results of the layer before it that are in cache; and the update is applied to each finished tile of a
/// weight gradient while it is in cache. Same bits as the layerwise run, but for three cases (cpp/README.md).
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nncore/buffer.hpp"
#include "nncore/loss.hpp"
#include "nncore/model.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {

/// What happens to a gradient between backward and the update.
struct GradientOptions {
  double l1 = 0, l2 = 0;         ///< adds l1 |W|_1 + l2/2 |W|² to the loss; weights only
  double clip_norm = 0;          ///< 0: off
  double clip_value = 0;         ///< 0: off
  bool check_finite = true;      ///< check every piece before it is used
  bool penalty_per_sample = false;  ///< l1 and l2 are divided by the batch's samples, or the sum of their weights

  /// What l1 and l2 are multiplied by for a batch with these targets.
  template <class T>
  double penalty_share(const Target<T>& y) const {
    return penalty_per_sample && y.any_weight() ? 1.0 / y.total_weight() : 1.0;
  }
};

struct StepResult {
  double loss = 0;       ///< with penalties, before the update
  double penalty = 0;    ///< what l1 and l2 add to it
  double grad_norm = 0;  ///< only with clip_norm
  double rate = 0;
  bool counts = true;    ///< false: none of its targets counts, the loss is 0 and penalties
  bool finite = true;    ///< false: the parameters may be half updated, restore a snapshot
};

template <class T>
class Online;
template <class T>
struct Node;
template <class T>
struct Graph;
template <class T>
struct PlannedParameter;

template <class T>
class Plan final : private GradientSink<T> {
 public:
  Plan(Model<T>& model, Optimizer<T>& optimizer, Loss<T>& loss, const Shape& sample, int64_t max_batch,
       const GradientOptions& options);
  ~Plan() override;

  const Shape& sample() const { return sample_; }
  /// Would a new plan for this batch compute the same bits? Results must not depend on earlier batches.
  bool suits(const Shape& sample, int64_t batch) const;
  bool user_defined() const { return user_defined_; }  ///< a step that throws has then undone itself
  /// Layout of the first layer's input; empty: the single-sample executor runs.
  std::optional<Layout> layout() const { return online_ ? std::nullopt : std::optional(layout_); }
  /// The outputs of the last run for its N samples.
  View<const T> outputs(int64_t N) const { return {z_, z_shape_.first(N)}; }

  void pack();    ///< takes parameters and optimizer state from the model
  void unpack();  ///< writes them back
  /// Writes the current parameters into the model; the plan keeps its own.
  void publish_parameters() const;
  double penalty(double share) const;  ///< what l1 and l2, multiplied by share, add to the loss
  /// How many updates one run may make.
  int64_t max_steps() const;
  /// Updates with N normalised samples each; pass is that of the first. After the first result that is not finite,
  /// later results are undefined.
  void run(int64_t steps, int64_t N, const T* x, const Target<T>& target, const Pass& pass, StepResult* results);

  /// Copies all that a step changes, to return to it later.
  void save(Buffer<T>& snapshot, int64_t& t);
  void restore(const Buffer<T>& snapshot, int64_t t);
  std::string nonfinite_parameter() const;  ///< names one that is not finite; empty: all are

 private:
  bool wants_online(int64_t batch) const;
  StepResult step(int64_t N, const T* x, const Target<T>& target, const Pass& pass);
  StepResult run_step(int64_t N, const T* x, const Target<T>& target, const Pass& pass);
  void make_graph();
  void classify();
  std::vector<bool> lowered_places() const;
  bool prefers_feature_major(int64_t batch) const;
  void plan_parameters();
  bool freezing_changed() const;
  void place_buffers();
  void accept(int parameter, int64_t offset, int64_t n, T* g) override;
  void apply_update(PlannedParameter<T>& p, int64_t offset, int64_t n, T* g);
  void add_penalty_and_clip(const PlannedParameter<T>& p, int64_t offset, int64_t n, T* g) const;
  void backward(int64_t N);
  void clip_and_update(StepResult& result);
  void update_by_users_rule();
  template <class F>
  void for_each_state(F f);

  Model<T>& model_;
  Optimizer<T>& optimizer_;
  Loss<T>& loss_;
  Shape sample_, z_shape_;  ///< of one sample; of the outputs of the largest batch
  int64_t max_batch_;
  GradientOptions options_;
  Layout layout_ = Layout::batch_major;
  std::vector<int> uses_;  ///< how many places use each parameter
  bool shared_ = false;    ///< some parameter is used in two places of the model
  bool user_defined_ = false;   ///< user-defined code may throw in the middle of a step
  bool deferred_ = false;  ///< updates are applied when all gradients are known, not tile by tile
  std::unique_ptr<Online<T>> online_;  ///< set: it does the steps, and there is no graph
  std::unique_ptr<Graph<T>> graph_;
  std::vector<PlannedParameter<T>> parameters_;
  Node<T>* current_ = nullptr;
  StepConstants constants_;
  double penalty_share_ = 1;  ///< of the step under way
  std::atomic<bool> finite_{true};
  Buffer<T> arena_, running_;
  const T* z_ = nullptr;
  std::vector<const T**> x_readers_;  ///< where nodes find the batch, value 0
  T* dz_ = nullptr;
};

}  // namespace nncore
