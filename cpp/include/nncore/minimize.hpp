/// minimize: the optimizers of the library on plain functions of a few variables.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nncore/objective.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {

struct MinimizeOptions {
  int64_t steps = 0;
  int64_t record_every = 1;  ///< 0: only the end
  double tolerance = -1;     ///< stop when no component of the gradient is larger; negative: off
};

enum class MinimizeStatus { all_steps = 0, tolerance = 1, diverged = 2, interrupted = 3 };

struct Minimum {
  std::vector<double> x;
  double fun = 0;
  int64_t steps = 0;  ///< updates done
  MinimizeStatus status = MinimizeStatus::all_steps;
  std::vector<double> path;    ///< rows of x: the start and then every record_every-th point, and the last
  std::vector<double> values;  ///< f at the rows of path
  std::vector<int64_t> rows;   ///< the updates done before each
};

/// f(x) with its gradient written to g. May throw.
using Function = std::function<double(const std::vector<double>& x, std::vector<double>& g)>;
/// Asked some 20 ms apart; true: stop. May throw.
using Poll = std::function<bool()>;

Minimum minimize(const Objective& objective, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll);
Minimum minimize(const Function& function, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll);

}  // namespace nncore
