/// Optimizer: owns the step count, the rate and the state; a rule says how one step changes a range of elements.
/// Gradients are const to it, and the rule is a const function, so no state can age once per tensor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nncore/buffer.hpp"
#include "nncore/descent.hpp"
#include "nncore/parameter.hpp"
#include "nncore/registry.hpp"
#include "nncore/schedule.hpp"

namespace nncore {

/// The constants of one step: worked out once, used for every range.
struct StepConstants {
  int64_t t = 1;  ///< counts from 1, as bias corrections want it
  double rate = 0;
  double correction1 = 1, correction2 = 1;
  double size = 0, size2 = 0;  ///< further constants of a rule, its own affair
};

template <class T>
class Optimizer {
 public:
  static constexpr int kMaxSlots = 3;
  static constexpr int64_t kMaxLanes = 64 / sizeof(T);

  explicit Optimizer(const Args& args) : schedule_(make_schedule(args.at("lr"))) {}
  virtual ~Optimizer() = default;

  /// Names of the state arrays kept for each parameter, PyTorch's where it has them.
  virtual std::vector<std::string> slot_names() const = 0;
  /// What the elements of each state array start from.
  virtual double slot_start() const { return 0.0; }
  /// Fills the constants that depend on t and the rate.
  virtual void prepare(StepConstants&) const {}
  /// Is the rule w -= rate g and nothing more?
  virtual bool is_descent() const { return false; }
  /// The rule on n elements: w and the slots change. Any range of a parameter may come alone.
  virtual void update(const StepConstants& step, int64_t n, T* w, const T* g, T* const* slots) const = 0;
  /// The same rule from its second step on, for `minimize`; most rules have none.
  virtual ScalarRule scalar_rule() const { return {}; }

  /// The rule for models side by side, one in each vector lane: number i of all of them lies together. Optimizers and
  /// constants are by lanes; constants are not prepared yet. As it stands for optimizers that all have this one's arguments.
  virtual void update_lanes(const Optimizer* const* /*lanes*/, const StepConstants* steps, int64_t n, T* w, const T* g,
                            T* const* slots) const {
    StepConstants step = *steps;
    prepare(step);
    update(step, n, w, g, slots);
  }

  /// Allocates the state of these parameters; done once.
  void attach(const std::vector<Parameter<T>*>& parameters);
  bool attached() const { return attached_; }
  T* slot(int parameter, int k) { return slots_[static_cast<std::size_t>(parameter * n_slots_ + k)].data(); }
  int64_t slot_size(int parameter) const { return sizes_[static_cast<std::size_t>(parameter)]; }
  int n_slots() const { return n_slots_; }
  int n_parameters() const { return static_cast<int>(sizes_.size()); }

  /// The constants of the step to come; counts it as done.
  StepConstants begin_step();
  /// One whole step by hand, for parameters in their natural layout.
  void step(const std::vector<Parameter<T>*>& parameters);

  double rate() const { return schedule_->rate(t_, epoch_); }
  void set_rate(double rate) { schedule_ = make_schedule(Value(rate)); }
  const Schedule& schedule() const { return *schedule_; }
  Schedule& schedule() { return *schedule_; }
  int64_t t() const { return t_; }
  void set_t(int64_t t) { t_ = t; }
  int64_t epoch() const { return epoch_; }
  void set_epoch(int64_t epoch) { epoch_ = epoch; }

 private:
  std::unique_ptr<Schedule> schedule_;
  int64_t t_ = 0, epoch_ = 0;
  bool attached_ = false;
  int n_slots_ = 0;
  std::vector<int64_t> sizes_;
  std::vector<Buffer<T>> slots_;
};

}  // namespace nncore
