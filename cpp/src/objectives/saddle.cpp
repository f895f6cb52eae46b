#include "objectives/plane.hpp"

namespace nncore {
namespace {

class Saddle final : public PlaneObjective {
 public:
  explicit Saddle(const Args&) : PlaneObjective("saddle", {-1.0, 0.001}, {0.0, 0.0}) {}

  double value_and_gradient(const std::vector<double>& p, std::vector<double>& g) const override {
    const double x = p[0], y = p[1];
    g[0] = 2.0 * x;
    g[1] = -2.0 * y;
    return x * x - y * y;
  }
  std::vector<std::vector<double>> minima() const override { return {}; }  // f falls without end
};

const auto registered = objective<Saddle>("saddle")
                            .summary("A saddle: down along y without end, up along x.")
                            .formula("f = x^2 - y^2")
                            .source("Dauphin et al., Identifying and attacking the saddle point problem, 2014, for why it matters");

}  // namespace
}  // namespace nncore
