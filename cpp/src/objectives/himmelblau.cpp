#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Himmelblau final : public PlaneObjective<Himmelblau> {
 public:
  explicit Himmelblau(const Args&) : PlaneObjective("himmelblau", {0.0, 0.0}, {3.0, 2.0}) {}

  static double at(double x, double y, double& gx, double& gy) {
    const double a = x * x + y - 11.0, b = x + y * y - 7.0;
    gx = 4.0 * x * a + 2.0 * b;
    gy = 2.0 * a + 4.0 * y * b;
    return a * a + b * b;
  }
  std::vector<std::vector<double>> minima() const override {
    return {{3.0, 2.0},
            {-2.8051180869527448, 3.1313125182505730},
            {-3.7793102533777469, -3.2831859912861694},
            {3.5844283403304917, -1.8481265269644036}};
  }
};

const auto registered_Himmelblau =
    objective<Himmelblau>("himmelblau")
        .summary("Four equal minima around one maximum.")
        .formula("f = (x^2 + y - 11)^2 + (x + y^2 - 7)^2")
        .source("Himmelblau, Applied Nonlinear Programming, 1972");

}  // namespace
}  // namespace nncore
