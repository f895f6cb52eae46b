/// Optimizer: owns the step count, the rate and the state; a rule says how one step changes a range of elements.
/// Gradients are const, and the rule is a const function: the step count advances once a step, not once a tensor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nncore/buffer.hpp"
#include "nncore/parameter.hpp"
#include "nncore/registry.hpp"
#include "nncore/schedule.hpp"

namespace nncore {

struct UpdateRule;

/// The constants of one step: computed once, used for every range of elements.
struct StepConstants {
  int64_t t = 1;  ///< counts from 1, as in the bias corrections
  double rate = 0;
  double correction1 = 1, correction2 = 1;
  double corrected_rate = 0;  ///< rate with the rule's own correction or decay: Adagrad, Adamax, NAdam, RAdam
  double second_rate = 0;     ///< NAdam: factor of the first moment; RAdam: rate of the rectified step, 0 for none
};

template <class T>
class Optimizer {
 public:
  static constexpr int kMaxStates = 3;

  explicit Optimizer(const Args& args) : arguments_(args), schedule_(make_schedule(args.at("lr"))) {}
  virtual ~Optimizer() = default;

  /// Names of the arrays of the state kept for each parameter, PyTorch's where it has them.
  virtual std::vector<std::string> state_names() const = 0;
  /// What the elements of the state start from.
  virtual double initial_state() const { return 0.0; }
  /// Fills the constants that depend on t and the rate.
  virtual void prepare(StepConstants&) const {}
  /// Is the rule w -= rate g, without momentum or decay?
  virtual bool is_plain_sgd() const { return false; }
  /// Is the rule the user's own code, which takes whole parameters in their shapes (update_all), never ranges?
  virtual bool user_defined() const { return false; }
  /// The rule on n elements; changes w and the state. Any range of a parameter may come alone.
  virtual void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* state) const = 0;
  /// The rule on all parameters that learn, in their natural layout. A user's rule that throws has changed nothing.
  virtual void update_all(const StepConstants& step, const std::vector<Parameter<T>*>& parameters);
  /// The rule from its second step on as `minimize`'s compiled loops take it; of kind `none`: they do not know it.
  virtual UpdateRule update_rule() const;

  /// The rule for a model batch, one model in each vector lane: element i of all models lies together. One optimizer
  /// and one set of constants, not prepared yet, for each of Kernels::lanes. The default is for optimizers with the
  /// same arguments.
  virtual void update_model_batch(const Optimizer* const* /*lanes*/, const StepConstants* steps, int64_t n, T* w,
                                  const T* g, T* const* state) const {
    StepConstants step = *steps;
    prepare(step);
    update(step, n, w, g, state);
  }

  /// The arguments that update_model_batch takes from each lane's optimizer; the others are the same in all lanes.
  virtual std::vector<std::string> per_model_arguments() const { return {}; }
  const Args& arguments() const { return arguments_; }

  /// Allocates the state of these parameters; done once.
  void attach(const std::vector<Parameter<T>*>& parameters);
  bool attached() const { return attached_; }
  T* state(int parameter, int k) { return state_[static_cast<std::size_t>(parameter * n_states_ + k)].data(); }
  int64_t state_size(int parameter) const { return sizes_[static_cast<std::size_t>(parameter)]; }
  int n_states() const { return n_states_; }
  int n_parameters() const { return static_cast<int>(sizes_.size()); }

  /// The constants of the step to come; counts it as done.
  StepConstants begin_step();
  /// One whole step outside a trainer, for parameters in their natural layout.
  void step(const std::vector<Parameter<T>*>& parameters);

  double rate() const { return schedule_->rate(t_, epoch_); }
  void set_rate(double rate) { schedule_ = make_schedule(Value(rate)); }
  const Schedule& schedule() const { return *schedule_; }
  Schedule& schedule() { return *schedule_; }
  int64_t t() const { return t_; }
  void set_t(int64_t t) { t_ = t; }
  int64_t epoch() const { return epoch_; }
  void set_epoch(int64_t epoch) { epoch_ = epoch; }
  /// Of its epochs, those that the user counted in a loop of steps; a trainer goes on from there.
  int64_t hand_epochs() const { return hand_epochs_; }
  void set_hand_epochs(int64_t epochs) { hand_epochs_ = epochs; }

 private:
  Args arguments_;
  std::unique_ptr<Schedule> schedule_;
  int64_t t_ = 0, epoch_ = 0, hand_epochs_ = 0;
  bool attached_ = false;
  int n_states_ = 0;
  std::vector<int64_t> sizes_;
  std::vector<Buffer<T>> state_;
};

}  // namespace nncore
