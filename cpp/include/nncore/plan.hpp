/// Plan: how a model trains. Built once for (model, largest batch); every buffer lies in one arena, where arrays that
/// are not needed at the same time share memory; parameters stay in the layout their kernels like, an activation is
/// applied to what the layer before it has in cache, and each finished tile of a weight gradient meets its update while
/// it is in cache. Same kernels, same order, same bits as the layerwise way.
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
  bool check_finite = true;      ///< look at every piece before it is used
};

struct StepResult {
  double loss = 0;       ///< with penalties, before the update
  double grad_norm = 0;  ///< only with clip_norm
  double rate = 0;
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
  /// Would a new plan for this batch compute the same bits? What came before must not matter.
  bool suits(const Shape& sample, int64_t batch) const;
  bool user_defined() const { return user_defined_; }  ///< a step that throws has then undone itself
  /// Of the first layer; empty: samples come one at a time.
  std::optional<Layout> layout() const { return online_ ? std::nullopt : std::optional(layout_); }
  /// The outputs of the last run for its N samples.
  View<const T> outputs(int64_t N) const { return {z_, z_shape_.first(N)}; }

  void enter();  ///< packs parameters and optimizer state of the model
  void leave();  ///< unpacks them
  /// Writes the parameters into the model as they are now; the plan goes on with its own.
  void publish_parameters() const;
  double penalty() const;  ///< what l1 and l2 add to the loss
  /// How many updates one run may make.
  int64_t max_steps() const;
  /// Updates with N normalised samples each; pass is that of the first. After the first result that is not finite the
  /// others say nothing.
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
  Layout choose_layout(int64_t batch) const;
  void plan_parameters();
  void place_buffers();
  void accept(int parameter, int64_t offset, int64_t n, T* g) override;
  void finish(PlannedParameter<T>& p, int64_t offset, int64_t n, T* g);
  void prepare(const PlannedParameter<T>& p, int64_t offset, int64_t n, T* g) const;
  void backward(int64_t N);
  void update_deferred(StepResult& result);
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
  bool shared_ = false;    ///< some parameter is used in two places
  bool user_defined_ = false;   ///< user-defined code may throw in the middle of a step
  bool deferred_ = false;  ///< parameters change when all gradients are known
  std::unique_ptr<Online<T>> online_;  ///< set: it does the steps, and there is no graph
  std::unique_ptr<Graph<T>> graph_;
  std::vector<PlannedParameter<T>> parameters_;
  Node<T>* current_ = nullptr;
  StepConstants constants_;
  std::atomic<bool> finite_{true};
  Buffer<T> arena_, running_;
  const T* z_ = nullptr;
  T* dz_ = nullptr;
};

}  // namespace nncore
