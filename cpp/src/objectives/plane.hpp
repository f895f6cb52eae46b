/// Base of the objectives of two variables.
#pragma once

#include "nncore/error.hpp"
#include "nncore/objective.hpp"

namespace nncore {

class PlaneObjective : public Objective {
 public:
  PlaneObjective(std::string name, std::vector<double> start, std::vector<double> minimum)
      : name_(std::move(name)), start_(std::move(start)), minimum_(std::move(minimum)) {}

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
