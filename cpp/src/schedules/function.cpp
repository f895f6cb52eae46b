#include <cmath>

#include "nncore/error.hpp"
#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class FunctionSchedule final : public Schedule {
 public:
  explicit FunctionSchedule(const Args& args)
      : Schedule(counts_epochs(args)),
        lr_(args.get<double>("lr")),
        fn_(args.get<std::shared_ptr<const IndexFunction>>("fn")) {}

  double at(int64_t index) const override {
    const double factor = fn_->at(index), rate = lr_ * factor;
    if (rate >= 0 && std::isfinite(rate)) return rate;
    throw ConfigError(expected("[Schedule]", "fn", "a finite number >= 0",
                               to_string(Value(factor)) + " at index " + std::to_string(index)));
  }

 private:
  double lr_;
  std::shared_ptr<const IndexFunction> fn_;
};

/// For the examples.
class Halves final : public IndexFunction {
 public:
  double at(int64_t index) const override { return std::exp2(-static_cast<double>(index)); }
};

const auto registered_FunctionSchedule =
    schedule<FunctionSchedule>("Schedule")
        .summary("A schedule from a function: lr times what it returns. Base of all schedules.")
        .formula("rate(i) = lr * fn(i)")
        .required("lr", rule::positive(), "rate where fn gives 1")
        .required("fn", rule::index_function(), "gives a factor >= 0 for index 0, 1, ...")
        .also(add_period, "step")
        .notes("PyTorch's LambdaLR. fn is called once for each index, by whichever thread trains; an exception in it "
               "ends the training before the step, and the model can be used. A subclass with `__call__(self, i)` "
               "is a schedule whose rates are what it returns; its attribute `per` says what i counts. Where a rate "
               "is asked for, a function of the step is taken, too: lr=lambda step: 0.1 / (1 + step).")
        .doctest(">>> schedule = nc.Schedule(0.5, lambda i: 1 / (1 + i))\n>>> [schedule(i) for i in (0, 1, 4)]\n"
                 "[0.5, 0.25, 0.1]")
        .example({{"lr", 0.1}, {"fn", Value(std::make_shared<const Halves>())}});

}  // namespace
}  // namespace nncore
