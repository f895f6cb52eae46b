/// Ticker: says when some 20 ms have gone by, without a call of the clock for each of many short steps.
#pragma once

#include <algorithm>
#include <cstdint>

#include "train/clock.hpp"

namespace nncore {

class Ticker {
 public:
  bool due() {
    if (--countdown_ > 0) return false;
    const auto now = Clock::now();
    const bool due = seconds_between(last_, now) >= kPeriod;
    if (due) last_ = now;
    // The next call of the clock comes after a tenth of a period at the present pace, so that steps that grow slower
    // are noticed; the stride at most quadruples.
    const double pace = seconds_between(asked_, now) / static_cast<double>(stride_);
    asked_ = now;
    stride_ = std::clamp<int64_t>(static_cast<int64_t>(0.1 * kPeriod / std::max(pace, 1e-9)), 1, 4 * stride_);
    countdown_ = stride_;
    return due;
  }

 private:
  static constexpr double kPeriod = 0.02;
  Clock::time_point last_ = Clock::now(), asked_ = last_;
  int64_t countdown_ = 1, stride_ = 1;
};

}  // namespace nncore
