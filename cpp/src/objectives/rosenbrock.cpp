#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Rosenbrock final : public PlaneObjective<Rosenbrock> {
 public:
  explicit Rosenbrock(const Args&) : PlaneObjective("rosenbrock", {-4.0, -2.0}, {1.0, 1.0}) {}

  static double at(double x, double y, double& gx, double& gy) {
    const double d = y - x * x;
    gx = -2.0 * (1.0 - x) - 400.0 * x * d;
    gy = 200.0 * d;
    return (1.0 - x) * (1.0 - x) + 100.0 * (d * d);
  }
};

const auto registered_Rosenbrock =
    objective<Rosenbrock>("rosenbrock")
        .summary("A long, bent, flat valley.")
        .formula("f = (1 - x)^2 + 100 (y - x^2)^2")
        .source("Rosenbrock, An Automatic Method for Finding the Greatest or Least Value of a Function, 1960");

}  // namespace
}  // namespace nncore
