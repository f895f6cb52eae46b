#include <cmath>

#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class ExponentialLR final : public Schedule {
 public:
  explicit ExponentialLR(const Args& args)
      : Schedule(counts_epochs(args)), lr_(args.get<double>("lr")), gamma_(args.get<double>("gamma")) {}

  double at(int64_t index) const override { return lr_ * std::pow(gamma_, static_cast<double>(index)); }

 private:
  double lr_, gamma_;
};

const auto registered_ExponentialLR =
    schedule<ExponentialLR>("ExponentialLR")
        .summary("Multiplies the rate by gamma every epoch (or step).")
        .formula("rate(i) = lr * gamma^i")
        .required("lr", rule::positive(), "rate at index 0")
        .required("gamma", rule::positive(), "factor")
        .also(add_period, "epoch")
        .doctest(">>> nc.ExponentialLR(1.0, gamma=0.5)(3)\n0.125")
        .example({{"lr", 0.1}, {"gamma", 0.95}});

}  // namespace
}  // namespace nncore
