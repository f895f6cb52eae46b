/// Schedule: the learning rate as a function of the step or the epoch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "nncore/registry.hpp"

namespace nncore {

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// The rate at index 0, 1, … of the steps or epochs that the schedule counts.
  virtual double at(int64_t index) const = 0;

  virtual double rate(int64_t step, int64_t epoch) const { return at(per_epoch_ ? epoch : step); }
  /// Is the rate the same at every index?
  virtual bool constant() const { return false; }
  bool per_epoch() const { return per_epoch_; }

  /// The number of an epoch's record that the rate depends on ("val_loss"), passed to `observe` after each epoch.
  /// Empty: none, the rate follows from the index.
  virtual std::string monitor() const { return ""; }
  virtual void observe(double) {}
  /// What `observe` has changed, by name.
  virtual std::map<std::string, double> state() const { return {}; }
  virtual void set_state(const std::map<std::string, double>& state);  ///< throws ConfigError

 protected:
  explicit Schedule(bool per_epoch) : per_epoch_(per_epoch) {}

 private:
  bool per_epoch_;
};

/// A schedule from a rate argument: a number stands for itself, an object for what it computes.
std::unique_ptr<Schedule> make_schedule(const Value& rate);

namespace rule {
Rule schedule();
Rule rate();  ///< a positive number or a schedule; the Python side makes schedules from functions
}  // namespace rule

}  // namespace nncore
