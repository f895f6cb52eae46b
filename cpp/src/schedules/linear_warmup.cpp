#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class LinearWarmup final : public Schedule {
 public:
  explicit LinearWarmup(const Args& args)
      : Schedule(counts_epochs(args)), lr_(args.get<double>("lr")), steps_(args.get<int64_t>("steps")) {
    if (!args.is_none("then")) then_ = make_schedule(args.at("then"));
  }

  double at(int64_t index) const override {
    if (index < steps_) return warm(index);
    return then_ ? then_->at(index - steps_) : lr_;
  }

  double rate(int64_t step, int64_t epoch) const override {
    const int64_t index = per_epoch() ? epoch : step;
    if (index < steps_ || !then_) return at(index);
    // What follows begins at its index 0 where it counts the same; epochs are counted from the start of training.
    return per_epoch() ? then_->rate(step, epoch - steps_) : then_->rate(step - steps_, epoch);
  }

  std::string monitor() const override { return then_ ? then_->monitor() : ""; }
  void observe(double value) override {
    if (then_) then_->observe(value);
  }
  std::map<std::string, double> state() const override {
    return then_ ? then_->state() : std::map<std::string, double>{};
  }
  void set_state(const std::map<std::string, double>& state) override {
    if (then_) then_->set_state(state);
    else Schedule::set_state(state);
  }

 private:
  double warm(int64_t index) const { return lr_ * (static_cast<double>(index) + 1.0) / static_cast<double>(steps_); }

  double lr_;
  int64_t steps_;
  std::unique_ptr<Schedule> then_;
};

const auto registered_LinearWarmup =
    schedule<LinearWarmup>("LinearWarmup")
        .summary("Grows in equal steps from lr / steps to lr; then stays, or follows another schedule.")
        .formula("rate(i) = lr (i + 1) / steps where i < steps,  then(i - steps) or lr afterwards")
        .required("lr", rule::positive(), "rate at the end of the warm-up")
        .required("steps", rule::integer(1), "steps (or epochs) it takes")
        .field("then", Value(), rule::optional(rule::schedule()), "what follows; None: lr")
        .also(add_period, "step")
        .notes("Where the warm-up counts steps and what follows counts epochs (or the other way round), each keeps its "
               "own count, and that of the schedule that follows begins with the training. PyTorch: "
               "LinearLR(start_factor=1/steps, total_iters=steps-1), then SequentialLR.")
        .source("Goyal et al., Accurate, Large Minibatch SGD, 2017, section 2.2")
        .doctest(">>> schedule = nc.LinearWarmup(1.0, 4, then=nc.ExponentialLR(1.0, 0.5))\n"
                 ">>> [schedule(i) for i in range(7)]\n[0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]")
        .example({{"lr", 0.1}, {"steps", 1}})
        .example({{"lr", 0.1}, {"steps", 4}});

}  // namespace
}  // namespace nncore
