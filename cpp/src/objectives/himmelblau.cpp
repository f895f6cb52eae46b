#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Himmelblau final : public PlaneObjective {
 public:
  explicit Himmelblau(const Args&) : PlaneObjective("himmelblau", {0.0, 0.0}, {3.0, 2.0}) {}

  double value_and_gradient(const std::vector<double>& p, std::vector<double>& g) const override {
    const double x = p[0], y = p[1];
    const double a = x * x + y - 11.0, b = x + y * y - 7.0;
    g[0] = 4.0 * x * a + 2.0 * b;
    g[1] = 2.0 * a + 4.0 * y * b;
    return a * a + b * b;
  }
  std::vector<std::vector<double>> minima() const override {
    return {{3.0, 2.0},
            {-2.8051180869527448, 3.1313125182505730},
            {-3.7793102533777469, -3.2831859912861694},
            {3.5844283403304917, -1.8481265269644036}};
  }
};

const auto registered = objective<Himmelblau>("himmelblau")
                            .summary("Four equal minima around one maximum.")
                            .formula("f = (x^2 + y - 11)^2 + (x + y^2 - 7)^2")
                            .source("Himmelblau, Applied Nonlinear Programming, 1972");

}  // namespace
}  // namespace nncore
