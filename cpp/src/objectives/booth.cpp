#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Booth final : public PlaneObjective<Booth> {
 public:
  explicit Booth(const Args&) : PlaneObjective("booth", {-5.0, -5.0}, {1.0, 3.0}) {}

  static double at(double x, double y, double& gx, double& gy) {
    const double a = x + 2.0 * y - 7.0, b = 2.0 * x + y - 5.0;
    gx = 2.0 * a + 4.0 * b;
    gy = 4.0 * a + 2.0 * b;
    return a * a + b * b;
  }
};

const auto registered_Booth =
    objective<Booth>("booth")
        .summary("A tilted quadratic bowl.")
        .formula("f = (x + 2y - 7)^2 + (2x + y - 5)^2")
        .source("Jamil, Yang, A literature survey of benchmark functions for global optimisation problems, 2013, "
                "function 17");

}  // namespace
}  // namespace nncore
