/// Base of the objectives of two variables. F says `static double at(double x, double y, double& gx, double& gy)`:
/// f, with its gradient.
#pragma once

#include "nncore/error.hpp"
#include "nncore/objective.hpp"
#include "objectives/descend.hpp"

namespace nncore {

template <class F>
class PlaneObjective : public Objective {
 public:
  PlaneObjective(std::string name, std::vector<double> start, std::vector<double> minimum)
      : name_(std::move(name)), start_(std::move(start)), minimum_(std::move(minimum)) {}

  double value_and_gradient(const std::vector<double>& p, std::vector<double>& g) const final {
    return F::at(p[0], p[1], g[0], g[1]);
  }
  int64_t descend(const UpdateRule& rule, StepRun& run) const final { return nncore::descend<F>(rule, run); }
  void check(int64_t dimension) const override {
    if (dimension != 2) {
      throw ShapeError(expected("[" + name_ + "]", "x0", "2 numbers", std::to_string(dimension)));
    }
  }
  std::vector<double> start() const override { return start_; }
  std::vector<double> minimum() const override { return minimum_; }

 private:
  std::string name_;
  std::vector<double> start_, minimum_;
};

}  // namespace nncore
