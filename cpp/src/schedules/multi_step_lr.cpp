#include <algorithm>
#include <cmath>

#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class MultiStepLR final : public Schedule {
 public:
  explicit MultiStepLR(const Args& args)
      : Schedule(counts_epochs(args)),
        lr_(args.get<double>("lr")),
        gamma_(args.get<double>("gamma")),
        milestones_(args.get<std::vector<int64_t>>("milestones")) {}

  double at(int64_t index) const override {
    const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), index) - milestones_.begin();
    return lr_ * std::pow(gamma_, static_cast<double>(passed));
  }

 private:
  double lr_, gamma_;
  std::vector<int64_t> milestones_;
};

const auto registered_MultiStepLR =
    schedule<MultiStepLR>("MultiStepLR")
        .summary("Multiplies the rate by gamma at each milestone.")
        .formula("rate(i) = lr * gamma^(number of milestones <= i)")
        .required("lr", rule::positive(), "rate at index 0")
        .required("milestones", rule::milestones(), "indices of the changes")
        .field("gamma", 0.1, rule::positive(), "factor")
        .also(add_period, "epoch")
        .doctest(">>> schedule = nc.MultiStepLR(1.0, milestones=[2, 3], gamma=0.5)\n"
                 ">>> [schedule(i) for i in range(5)]\n[1.0, 1.0, 0.5, 0.25, 0.25]")
        .example({{"lr", 0.1}, {"milestones", std::vector<int64_t>{1, 4}}})
        .example({{"lr", 0.1}, {"milestones", std::vector<int64_t>{3}}, {"gamma", 0.5}});

}  // namespace
}  // namespace nncore
