#include <algorithm>
#include <cmath>
#include <limits>

#include "nncore/error.hpp"
#include "nncore/metric_names.hpp"
#include "nncore/schedule.hpp"

namespace nncore {
namespace {

class ReduceLROnPlateau final : public Schedule {
 public:
  explicit ReduceLROnPlateau(const Args& args)
      : Schedule(true),
        monitor_(args.get<std::string>("monitor")),
        sign_(larger_is_better("[ReduceLROnPlateau]", monitor_, args.get<std::string>("mode")) ? -1.0 : 1.0),
        factor_(args.get<double>("factor")),
        threshold_(args.get<double>("threshold")),
        relative_(args.get<std::string>("threshold_mode") == "rel"),
        min_lr_(args.get<double>("min_lr")),
        eps_(args.get<double>("eps")),
        patience_(static_cast<double>(args.get<int64_t>("patience"))),
        cooldown_(static_cast<double>(args.get<int64_t>("cooldown"))),
        rate_(args.get<double>("lr")),
        best_(sign_ * std::numeric_limits<double>::infinity()) {}

  double at(int64_t) const override { return rate_; }
  std::string monitor() const override { return monitor_; }

  void observe(double value) override {
    if (better(value)) best_ = value, bad_epochs_ = 0;
    else ++bad_epochs_;
    if (cooling_ > 0) --cooling_, bad_epochs_ = 0;
    if (bad_epochs_ <= patience_) return;
    const double reduced = std::max(rate_ * factor_, min_lr_);
    if (rate_ - reduced > eps_) rate_ = reduced;
    cooling_ = cooldown_;
    bad_epochs_ = 0;
  }

  std::map<std::string, double> state() const override {
    return {{"rate", rate_}, {"best", best_}, {"bad_epochs", bad_epochs_}, {"cooldown", cooling_}};
  }

  void set_state(const std::map<std::string, double>& state) override {
    std::string got;
    for (const auto& [name, value] : state) got += (got.empty() ? "" : ", ") + name;
    if (got != "bad_epochs, best, cooldown, rate") {
      throw ConfigError(expected("[ReduceLROnPlateau]", "state", "bad_epochs, best, cooldown, rate", got));
    }
    const auto count = [&](const char* name) {
      const double n = state.at(name);
      if (!(n >= 0 && n == std::floor(n) && n < 9e15)) {
        throw ConfigError(expected("[ReduceLROnPlateau]", name, "an integer >= 0", to_string(Value(n))));
      }
      return n;
    };
    const double rate = state.at("rate"), bad = count("bad_epochs"), cooling = count("cooldown");
    if (!(rate >= 0 && std::isfinite(rate))) {
      throw ConfigError(expected("[ReduceLROnPlateau]", "rate", "a number >= 0", to_string(Value(rate))));
    }
    if (std::isnan(state.at("best"))) throw ConfigError(expected("[ReduceLROnPlateau]", "best", "a number", "nan"));
    rate_ = rate, best_ = state.at("best"), bad_epochs_ = bad, cooling_ = cooling;
  }

 private:
  /// PyTorch's test: smaller than best (1 - threshold) or best - threshold, larger where more is better.
  bool better(double value) const {
    const double margin = relative_ ? threshold_ * best_ : threshold_;
    return sign_ * value < sign_ * best_ - (std::isinf(best_) ? 0.0 : margin);
  }

  std::string monitor_;
  double sign_;  ///< 1: a smaller value is better; -1: a larger one
  double factor_, threshold_;
  bool relative_;
  double min_lr_, eps_, patience_, cooldown_;
  double rate_, best_, bad_epochs_ = 0, cooling_ = 0;
};

const auto registered_ReduceLROnPlateau =
    schedule<ReduceLROnPlateau>("ReduceLROnPlateau")
        .summary("Multiplies the rate by factor when a number has not become better for more than patience epochs.")
        .formula("better: value < best (1 - threshold),  for mode \"max\": value > best (1 + threshold)\n"
                 "bad epochs > patience:  rate = max(factor rate, min_lr)")
        .required("lr", rule::positive(), "rate at first")
        .field("monitor", "val_loss", rule::name(), "name of the number in the record of an epoch")
        .field("factor", 0.1, rule::in_range(0.0, 1.0), "factor")
        .field("patience", 10, rule::integer(0), "so many epochs in a row may bring no better value")
        .keyword("mode", "auto", rule::one_of({"auto", "min", "max"}),
                 "what is better: less, or more; auto: what the monitor's name tells, as in EarlyStopping")
        .keyword("threshold", 1e-4, rule::non_negative(), "what counts as better")
        .keyword("threshold_mode", "rel", rule::one_of({"rel", "abs"}),
                 "threshold as a share of the best, or as it stands")
        .keyword("cooldown", 0, rule::integer(0), "epochs after a change that are not counted")
        .keyword("min_lr", 0.0, rule::non_negative(), "smallest rate")
        .keyword("eps", 1e-8, rule::non_negative(), "smaller changes are left out")
        .notes("The Trainer gives it that number after each epoch; a monitor that is not measured is an error there. "
               "Called, it gives the first rate; the present one is optimizer.lr. Its state is part of the "
               "optimizer's state_dict.")
        .source("PyTorch's ReduceLROnPlateau")
        .doctest(">>> nc.ReduceLROnPlateau(0.1, patience=3)(0)\n0.1")
        .example({{"lr", 0.1}})
        .example({{"lr", 0.1}, {"monitor", "loss"}, {"factor", 0.5}, {"patience", 2}});

}  // namespace
}  // namespace nncore
