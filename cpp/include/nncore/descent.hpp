/// What an objective and a rule have to say to each other for `minimize` to run many steps in one compiled loop.
#pragma once

#include <cstdint>

namespace nncore {

/// A rule that treats every number alike, where the loops know it; `none` goes through Optimizer::update.
/// Its operations and their order are those of the kernels, so both give the same bits.
struct ScalarRule {
  enum class Kind { none, plain, momentum, adam, adam_eps_inside };
  Kind kind = Kind::none;
  double momentum = 0, intake = 1;         ///< v = momentum v + intake g
  double beta1 = 0, beta2 = 0, eps = 0;    ///< of Adam
};

/// Some steps of a descent in two variables, all with the same constants.
struct Stretch {
  double rate = 0;               ///< over the correction of the first average
  double correction = 1;         ///< 1 / sqrt(correction2), or 1 / correction2 with eps inside the root
  int64_t steps = 0;             ///< at most
  double tolerance = -1;         ///< ends before a step whose gradient is not larger; negative: never
  int64_t every = 0;             ///< rows are this many points apart
  int64_t until = INT64_MAX;     ///< points before the next row; moves on
  double *path = nullptr, *values = nullptr;  ///< where that row goes; move on
  double* x = nullptr;           ///< moves on
  double *slot0 = nullptr, *slot1 = nullptr;  ///< the rule's state; moves on
};

}  // namespace nncore
