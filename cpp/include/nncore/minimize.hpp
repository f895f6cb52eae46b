/// minimize: the optimizers of the library on plain functions of a few variables.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
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

/// The records of a descent: the start, every record_every-th point after it, the last one. Three arrays in one
/// allocation.
struct Trajectory {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  int64_t records = 0, capacity = 0;  ///< written, and allocated
  double* path = nullptr;          ///< (records, dimension)
  double* values = nullptr;        ///< f there
  int64_t* steps = nullptr;        ///< the updates done before each record
  std::unique_ptr<void, Free> memory;

  /// Allocates so many records, not touched yet; throws std::bad_alloc.
  void reserve(int64_t count, std::size_t dimension);
};

struct Minimum {
  std::vector<double> x;
  double fun = 0;
  int64_t steps = 0;  ///< updates done
  MinimizeStatus status = MinimizeStatus::all_steps;
  Trajectory trajectory;
};

/// f(x) with its gradient written to g. May throw.
using ObjectiveFunction = std::function<double(const std::vector<double>& x, std::vector<double>& g)>;
/// Called some 20 ms apart; true: stop. May throw.
using Poll = std::function<bool()>;

Minimum minimize(const Objective& objective, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll);
Minimum minimize(const ObjectiveFunction& function, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll);

}  // namespace nncore
