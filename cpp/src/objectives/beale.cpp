#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Beale final : public PlaneObjective<Beale> {
 public:
  explicit Beale(const Args&) : PlaneObjective("beale", {1.0, 1.0}, {3.0, 0.5}) {}

  static double at(double x, double y, double& gx, double& gy) {
    const double a = 1.5 - x + x * y, b = 2.25 - x + x * y * y, c = 2.625 - x + x * y * y * y;
    gx = 2.0 * (a * (y - 1.0) + b * (y * y - 1.0) + c * (y * y * y - 1.0));
    gy = 2.0 * (a * x + b * 2.0 * x * y + c * 3.0 * x * y * y);
    return a * a + b * b + c * c;
  }
};

const auto registered_Beale =
    objective<Beale>("beale")
        .summary("Flat plains with steep corners.")
        .formula("f = (1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2")
        .source("Beale, On an iterative method for finding a local minimum of a function of more than one variable, "
                "1958");

}  // namespace
}  // namespace nncore
