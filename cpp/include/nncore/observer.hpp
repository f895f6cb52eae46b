/// Observer: what a fit calls between steps and epochs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nncore/fit_result.hpp"
#include "nncore/monitor.hpp"

namespace nncore {

/// Where a fit stands. The epochs count from 0 over all fits; `loss` is the mean over the epoch so far.
struct Progress {
  int64_t epoch, epochs, step, steps_per_epoch;
  double loss;
};

/// Every method may throw: the fit then ends with a usable model.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual bool poll(const Progress&) = 0;           ///< between two steps, some 20 ms apart; true: stop
  virtual bool wants_epochs() const = 0;            ///< is epoch_done to be called?
  virtual bool epoch_done(const EpochRecord&) = 0;  ///< true: stop
  virtual std::vector<SamplingInterval> sampling_intervals() const { return {}; }  ///< when it wants observations
  /// Called within an epoch, while the plan has the parameters: the model cannot be used. True: stop after this step.
  virtual bool observed(const Observation&, const std::vector<std::string>& /*names*/) { return false; }
};

}  // namespace nncore
