#include <cmath>

#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class StepLR final : public Schedule {
 public:
  explicit StepLR(const Args& args)
      : Schedule(counts_epochs(args)),
        lr_(args.get<double>("lr")),
        gamma_(args.get<double>("gamma")),
        step_size_(args.get<int64_t>("step_size")) {}

  double at(int64_t index) const override { return lr_ * std::pow(gamma_, static_cast<double>(index / step_size_)); }

 private:
  double lr_, gamma_;
  int64_t step_size_;
};

const auto registered_StepLR =
    schedule<StepLR>("StepLR")
        .summary("Multiplies the rate by gamma every step_size epochs (or steps).")
        .formula("rate(i) = lr * gamma^floor(i / step_size)")
        .required("lr", rule::positive(), "rate at index 0")
        .required("step_size", rule::integer(1), "epochs (or steps) between two changes")
        .field("gamma", 0.1, rule::positive(), "factor")
        .also(add_period, "epoch")
        .doctest(">>> schedule = nc.StepLR(0.1, step_size=2, gamma=0.5)\n"
                 ">>> [schedule(i) for i in range(5)]\n[0.1, 0.1, 0.05, 0.05, 0.025]")
        .example({{"lr", 0.1}, {"step_size", 3}});

}  // namespace
}  // namespace nncore
