#include <cmath>
#include <numbers>

#include "nncore/schedule.hpp"
#include "schedules/period.hpp"

namespace nncore {
namespace {

class CosineAnnealingLR final : public Schedule {
 public:
  explicit CosineAnnealingLR(const Args& args)
      : Schedule(counts_epochs(args)),
        lr_(args.get<double>("lr")),
        eta_min_(args.get<double>("eta_min")),
        t_max_(args.get<int64_t>("t_max")) {}

  double at(int64_t index) const override {
    // Whole half waves come off first: exact for any index.
    const int64_t waves = index / t_max_;
    const double x = static_cast<double>(index % t_max_) / static_cast<double>(t_max_);
    const double c = std::cos(std::numbers::pi * x);
    return eta_min_ + (lr_ - eta_min_) * (1.0 + (waves % 2 == 0 ? c : -c)) / 2.0;
  }

 private:
  double lr_, eta_min_;
  int64_t t_max_;
};

const auto registered_CosineAnnealingLR =
    schedule<CosineAnnealingLR>("CosineAnnealingLR")
        .summary("Half a cosine wave from lr down to eta_min.")
        .formula("rate(i) = eta_min + (lr - eta_min) (1 + cos(pi i / t_max)) / 2")
        .required("lr", rule::positive(), "rate at index 0")
        .required("t_max", rule::integer(1), "index of the smallest rate")
        .field("eta_min", 0.0, rule::non_negative(), "smallest rate")
        .also(add_period, "epoch")
        .notes("Beyond t_max the rate rises again along the wave: PyTorch's closed form.")
        .source("Loshchilov, Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, "
                "equation 5, without the restarts")
        .doctest(">>> schedule = nc.CosineAnnealingLR(1.0, t_max=4)\n"
                 ">>> [round(schedule(i), 3) for i in range(6)]\n"
                 "[1.0, 0.854, 0.5, 0.146, 0.0, 0.146]")
        .example({{"lr", 0.1}, {"t_max", 7}})
        .example({{"lr", 0.1}, {"t_max", 3}, {"eta_min", 0.01}});

}  // namespace
}  // namespace nncore
