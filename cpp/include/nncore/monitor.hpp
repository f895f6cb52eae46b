/// Monitor: statistics of every tensor of a training step. The batch goes through the model layer by layer, with the
/// same Dropout masks, before the plan takes the step; the training does not change.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nncore/plan.hpp"

namespace nncore {

/// Which steps one observer is shown.
struct SamplingInterval {
  int64_t every = 1;       ///< steps or epochs
  bool by_epoch = false;
  int64_t bins = 0;        ///< of histograms; 0: none

  /// Is the step to be observed that comes after so many updates, the `within`th (from 0) of its epoch (from 0)?
  bool due(int64_t updates, int64_t epoch, int64_t within) const {
    return by_epoch ? within == 0 && epoch % every == 0 : updates % every == 0;
  }
};

/// The numbers of one tensor, in the order of the columns handed to Python. NaN: not defined for this tensor.
struct Statistics {
  double min, max, mean, std, norm;  ///< of the finite elements; std = sqrt(mean (x - mean)²)
  double zeros, nonfinite;           ///< share of the elements
  double dead;                       ///< activations: share of units that are 0 for the whole batch
  double saturated;                  ///< share outside of the saturation bounds
  double update_ratio;               ///< parameters: norm of the update by norm of the values before it
};
inline constexpr std::size_t kStatistics = sizeof(Statistics) / sizeof(double);

/// All tensors before one step.
struct Observation {
  std::size_t interval = 0;  ///< index of the SamplingInterval it was due for
  int64_t step = 0;       ///< updates done before
  int64_t epoch = 0;      ///< from 1
  double loss = 0, grad_norm = 0;
  int64_t bins = 0;
  std::vector<Statistics> statistics;  ///< one for each name
  std::vector<int64_t> counts;         ///< bins for each name
};

template <class T>
class Monitor {
 public:
  Monitor(Model<T>& model, std::vector<SamplingInterval> intervals, const GradientOptions& options);

  bool empty() const { return intervals_.empty(); }
  /// Is one of the intervals due? See SamplingInterval::due.
  bool due(int64_t updates, int64_t epoch, int64_t within) const;
  /// How many steps may be taken at once, at least one, without running past one to be observed.
  int64_t steps_until_due(int64_t updates) const;

  /// Observes the step that is about to be taken, with the plan's parameters. `pass` is that step's.
  void observe(Plan<T>& plan, Loss<T>& loss, int64_t N, const T* x, const Target<T>& target, Pass pass,
               int64_t updates);
  /// Adds how far the step, which is done, moved the parameters.
  void measure_update(Plan<T>& plan);
  double grad_norm() const { return observations_.front().grad_norm; }
  /// One for each interval that was due.
  std::vector<Observation> take_observations() { return std::exchange(observations_, {}); }

  /// Names of the tensors: "0.weight", "0.weight.grad", …, "0.output", "0.output.grad"; in another layer "1.0.output".
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::size_t add_rows(const std::string& name);
  void add_rows_of(std::size_t node);
  void describe(std::size_t row, int64_t n, const T* x, Bounds bounds = {});
  void describe_output(std::size_t node);
  void add_gradients(const Plan<T>& plan, Loss<T>& loss, View<const T> z, const Target<T>& target);

  Model<T>& model_;
  std::vector<SamplingInterval> intervals_;
  GradientOptions options_;
  std::vector<std::string> names_;
  std::vector<std::size_t> parameter_row_;  ///< the gradient's comes after it
  std::vector<std::size_t> output_row_;     ///< by node; here, too
  std::vector<Observation> observations_;
  Buffer<T> before_, dz_;
};

}  // namespace nncore
