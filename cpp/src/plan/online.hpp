/// Online: the single-sample executor. A small dense net takes many steps of one sample each in one call of a kernel.
#pragma once

#include <memory>
#include <vector>

#include "kernels/small_nets/online.hpp"
#include "nncore/buffer.hpp"
#include "nncore/plan.hpp"

namespace nncore {

template <class T>
class Online {
 public:
  static constexpr int64_t kMaxSteps = 256;

  /// Has the model Linear layers alone, each with at most one elementwise function after it, and few weights?
  static bool suits(Model<T>& model, const Shape& sample);
  /// For a model that it suits.
  Online(Model<T>& model, Optimizer<T>& optimizer, Loss<T>& loss, bool check_finite);
  ~Online();

  /// Sets the memory of parameter i and its packing.
  void place_parameter(std::size_t i, PlannedParameter<T>& p);

  /// Up to kMaxSteps updates.
  void run(int64_t steps, const T* x, const Target<T>& y, StepResult* results);
  const T* outputs() const { return outputs_.data(); }  ///< of the steps of the last run

 private:
  class RowPacking;
  struct Range {
    int64_t offset, n;  ///< in w and in each array of the state
  };
  void place_buffers(const std::vector<Elementwise<T>>& functions, const std::vector<bool>& with_bias);
  static void loss_of_step(void* self, int64_t step, const T* z, T* dz);
  static bool update_of_step(void* self, int64_t step);

  Optimizer<T>& optimizer_;
  Loss<T>& loss_;
  bool check_finite_, plain_sgd_;
  Shape outputs_shape_;  ///< of one step
  std::vector<std::unique_ptr<RowPacking>> packings_;  ///< of each parameter
  std::vector<OnlineLayer<T>> layers_;
  std::vector<Range> ranges_;
  int64_t n_ = 0;  ///< numbers in w, and in each array of the state
  Buffer<T> w_, g_, state_memory_, buffers_, outputs_, rates_;
  T* state_[Optimizer<T>::kMaxStates] = {};
  std::vector<StepConstants> constants_;
  std::vector<double> losses_;
  std::vector<char> counts_;
  const Target<T>* y_ = nullptr;
};

}  // namespace nncore
