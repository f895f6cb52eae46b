#include <algorithm>
#include <cmath>
#include <numbers>

#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class OneCycleLR final : public Schedule {
 public:
  explicit OneCycleLR(const Args& args)
      : Schedule(counts_epochs(args)),
        largest_(args.get<double>("max_lr")),
        first_(largest_ / args.get<double>("div_factor")),
        last_(first_ / args.get<double>("final_div_factor")),
        end_(static_cast<double>(args.get<int64_t>("total_steps")) - 1.0),
        turn_(args.get<double>("pct_start") * (end_ + 1.0) - 1.0),
        cosine_(args.get<std::string>("anneal_strategy") == "cos") {}

  double at(int64_t index) const override {
    const double i = std::min(static_cast<double>(index), end_);
    if (i <= turn_) return between(first_, largest_, turn_ > 0 ? i / turn_ : 1.0);
    return between(largest_, last_, (i - turn_) / (end_ - turn_));
  }

 private:
  double between(double from, double to, double share) const {
    if (!cosine_) return from + (to - from) * share;
    return to + (from - to) / 2.0 * (1.0 + std::cos(std::numbers::pi * share));
  }

  double largest_, first_, last_, end_, turn_;
  bool cosine_;
};

const auto registered_OneCycleLR =
    schedule<OneCycleLR>("OneCycleLR")
        .summary("Up from max_lr / div_factor to max_lr, then down to almost nothing, once.")
        .formula("turn = pct_start total_steps - 1,  c(a, b, s) = b + (a - b) (1 + cos(pi s)) / 2\n"
                 "rate(i) = c(max_lr / div_factor, max_lr, i / turn) where i <= turn\n"
                 "rate(i) = c(max_lr, max_lr / div_factor / final_div_factor, (i - turn) / (total_steps - 1 - turn))")
        .required("max_lr", rule::positive(), "largest rate")
        .required("total_steps", rule::integer(1), "steps (or epochs) of the whole training")
        .field("pct_start", 0.3, rule::in_closed(0.0, 1.0), "share of it spent on the way up")
        .field("anneal_strategy", "cos", rule::one_of({"cos", "linear"}),
               "c as above, or a straight line")
        .field("div_factor", 25.0, rule::positive(), "max_lr over the first rate")
        .field("final_div_factor", 1e4, rule::positive(), "the first rate over the last")
        .also(add_period, "step")
        .notes("Beyond total_steps the rate stays the last one, where PyTorch raises an error. Momentum does not "
               "change.")
        .source("Smith, Topin, Super-Convergence, 2018; two phases, as in fastai and PyTorch")
        .doctest(">>> schedule = nc.OneCycleLR(1.0, 11, pct_start=6 / 11, anneal_strategy=\"linear\", div_factor=2)\n"
                 ">>> [round(schedule(i), 2) for i in (0, 5, 10)]\n[0.5, 1.0, 0.0]")
        .example({{"max_lr", 0.1}, {"total_steps", 20}})
        .example({{"max_lr", 0.1}, {"total_steps", 12}, {"pct_start", 0.5},
                  {"anneal_strategy", "linear"}, {"div_factor", 10.0}});

}  // namespace
}  // namespace nncore
