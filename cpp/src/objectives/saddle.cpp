#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Saddle final : public PlaneObjective<Saddle> {
 public:
  explicit Saddle(const Args&) : PlaneObjective("saddle", {-1.0, 0.001}, {0.0, 0.0}) {}

  static double at(double x, double y, double& gx, double& gy) {
    gx = 2.0 * x;
    gy = -2.0 * y;
    return x * x - y * y;
  }
  std::vector<std::vector<double>> minima() const override { return {}; }  // f falls without end
};

const auto registered_Saddle =
    objective<Saddle>("saddle")
        .summary("A saddle: down along y without end, up along x.")
        .formula("f = x^2 - y^2")
        .source("Dauphin et al., Identifying and attacking the saddle point problem, 2014, for why it matters");

}  // namespace
}  // namespace nncore
