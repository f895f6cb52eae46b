/// Objective: a plain function of a few variables with its gradient, for minimize.
#pragma once

#include <vector>

#include "nncore/registry.hpp"

namespace nncore {

struct UpdateRule;
struct StepRun;

class Objective {
 public:
  virtual ~Objective() = default;
  /// f(x); the gradient goes to g.
  virtual double value_and_gradient(const std::vector<double>& x, std::vector<double>& g) const = 0;
  /// Steps of the rule in a compiled loop, where there is one; returns how many it took. The same bits as without.
  virtual int64_t descend(const UpdateRule&, StepRun&) const { return 0; }
  virtual void check(int64_t dimension) const = 0;  ///< throws ShapeError
  virtual std::vector<double> start() const = 0;    ///< the usual starting point
  virtual std::vector<double> minimum() const = 0;  ///< where f is least; of a saddle, its point
  /// Every point where f is least.
  virtual std::vector<std::vector<double>> minima() const { return {minimum()}; }
  virtual double minimum_value() const { return 0.0; }
};

}  // namespace nncore
