/// Run: what one fit works on; Trainer::step is a run of one batch.
#pragma once

#include <utility>

#include "nncore/trainer.hpp"
#include "train/ticker.hpp"

namespace nncore {

/// Parameters are either in the plan or in its model; the destructor gives them back to the model, however a fit ends.
template <class T>
class InPlan {
 public:
  explicit InPlan(Plan<T>& plan) : plan_(plan) { plan_.pack(); }
  ~InPlan() { leave(); }
  InPlan(const InPlan&) = delete;
  InPlan& operator=(const InPlan&) = delete;
  void enter() {
    if (!std::exchange(inside_, true)) plan_.pack();
  }
  void leave() {
    if (std::exchange(inside_, false)) plan_.unpack();
  }

 private:
  Plan<T>& plan_;
  bool inside_ = true;
};

template <class T>
struct Trainer<T>::Run {
  const Dataset<T>& data;
  const RequestedMetrics<T>& requested;
  int64_t batch, steps_per_epoch;
  int64_t last_epoch = 0, steps_left = INT64_MAX;
  bool shuffled = false;
  int64_t first_step = 0;  ///< the number of the step that takes the first batch
  bool stop = false;
  bool touched = false;  ///< parameters or rate may have changed between two epochs: a replay has to begin after that
  Ticker ticker{};
  const Dataset<T>*validation = nullptr, *test = nullptr;  ///< null: none
  Monitor<T>* monitor = nullptr;                           ///< null: no observations
  InPlan<T>* in_plan = nullptr;                            ///< of a fit

  bool evaluates() const { return validation != nullptr || test != nullptr || !requested.metrics.empty(); }
};

}  // namespace nncore
