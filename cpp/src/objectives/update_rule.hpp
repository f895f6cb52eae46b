/// What `minimize` hands to an objective to run many steps in one compiled loop: the update rule and the run of steps.
#pragma once

#include <cstdint>

namespace nncore {

/// The elementwise rules that have a compiled loop; with `none` each step goes through Optimizer::update. Operations
/// and their order are those of the kernels, so both ways give the same bits.
struct UpdateRule {
  enum class Kind { none, plain, momentum, adam, adam_eps_inside };
  Kind kind = Kind::none;
  double momentum = 0, gradient_share = 1;  ///< v = momentum v + gradient_share g
  double beta1 = 0, beta2 = 0, eps = 0;     ///< of Adam
};

/// A run of steps in two variables, all with the same constants. The pointers move on as steps and records are done.
struct StepRun {
  double rate = 0;        ///< divided by the bias correction of the first moment
  double correction = 1;  ///< 1 / sqrt(correction2), or 1 / correction2 with eps inside the root
  int64_t steps = 0;      ///< at most
  double tolerance = -1;  ///< ends before a step whose gradient is not larger; negative: never
  int64_t record_every = 0;                       ///< points between two records
  int64_t until_record = INT64_MAX;               ///< points before the next record
  double *path = nullptr, *values = nullptr;      ///< where the next record goes
  double* x = nullptr;                            ///< the two variables
  double *state0 = nullptr, *state1 = nullptr;    ///< the optimizer's state for them, null where it has none
};

}  // namespace nncore
