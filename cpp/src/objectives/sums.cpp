/// Objectives that are defined in any number of dimensions.
#include <cmath>

#include "nncore/error.hpp"
#include "nncore/objective.hpp"

namespace nncore {
namespace {

constexpr double kTwoPi = 6.283185307179586476925;

/// The minimum of each lies at the origin, where f = 0.
class OriginObjective : public Objective {
 public:
  OriginObjective(std::string name, double start) : name_(std::move(name)), start_(start) {}
  void check(int64_t dimension) const override {
    if (dimension < 1) throw ShapeError(expected("[" + name_ + "]", "x0", "at least 1 number", "none"));
  }
  std::vector<double> start() const override { return {start_, start_}; }
  std::vector<double> minimum() const override { return {0.0, 0.0}; }

 private:
  std::string name_;
  double start_;
};

class Quadratic final : public OriginObjective {
 public:
  explicit Quadratic(const Args&) : OriginObjective("quadratic", 1.0) {}
  double value_and_gradient(const std::vector<double>& x, std::vector<double>& g) const override {
    double f = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      f += 0.5 * x[i] * x[i];
      g[i] = x[i];
    }
    return f;
  }
};

class Rastrigin final : public OriginObjective {
 public:
  explicit Rastrigin(const Args&) : OriginObjective("rastrigin", 2.5) {}
  double value_and_gradient(const std::vector<double>& x, std::vector<double>& g) const override {
    double f = 10.0 * static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      f += x[i] * x[i] - 10.0 * std::cos(kTwoPi * x[i]);
      g[i] = 2.0 * x[i] + 10.0 * kTwoPi * std::sin(kTwoPi * x[i]);
    }
    return f;
  }
};

class Ackley final : public OriginObjective {
 public:
  explicit Ackley(const Args&) : OriginObjective("ackley", 2.5) {}
  // With r = sqrt(Σx²/d), c = Σcos(2πx)/d:  f = -20 e^{-r/5} - e^c + 20 + e. At r = 0 there is a cusp: gradient 0.
  double value_and_gradient(const std::vector<double>& x, std::vector<double>& g) const override {
    const double d = static_cast<double>(x.size());
    double squares = 0, cosines = 0;
    for (const double xi : x) {
      squares += xi * xi;
      cosines += std::cos(kTwoPi * xi);
    }
    const double r = std::sqrt(squares / d), a = 20.0 * std::exp(-0.2 * r), b = std::exp(cosines / d);
    for (std::size_t i = 0; i < x.size(); ++i) {
      g[i] = (r > 0 ? 0.2 * a * x[i] / (d * r) : 0.0) + b * kTwoPi * std::sin(kTwoPi * x[i]) / d;
    }
    return 20.0 + std::exp(1.0) - a - b;
  }
};

const auto registered_Quadratic =
    objective<Quadratic>("quadratic")
        .summary("The round bowl, in any number of dimensions.")
        .formula("f = sum_i x_i^2 / 2")
        .source("Cauchy, Méthode générale pour la résolution des systèmes d'équations simultanées, "
                "1847, for the descent on it");
const auto registered_Rastrigin =
    objective<Rastrigin>("rastrigin")
        .summary("A bowl with a grid of local minima, in any number of dimensions.")
        .formula("f = 10 d + sum_i (x_i^2 - 10 cos(2 pi x_i))")
        .source("Rastrigin, Systems of extremal control, 1974");
const auto registered_Ackley =
    objective<Ackley>("ackley")
        .summary("A flat outer region and one deep hole, in any number of dimensions.")
        .formula("f = 20 + e - 20 exp(-0.2 sqrt(sum x^2 / d)) - exp(sum cos(2 pi x) / d)")
        .source("Ackley, A Connectionist Machine for Genetic Hillclimbing, 1987");

}  // namespace
}  // namespace nncore
