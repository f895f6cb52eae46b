/// Ticker: says when some 20 ms have gone by, without asking the clock at each of many short steps.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace nncore {

class Ticker {
 public:
  bool due() {
    if (--countdown_ > 0) return false;
    const auto now = Clock::now();
    const double waited = std::chrono::duration<double>(now - last_).count();
    const bool due = waited >= kPeriod;
    if (due) last_ = now;
    // Ask again after a tenth of a period at the pace seen last, so that steps that grow slower are noticed.
    const double pace = std::chrono::duration<double>(now - asked_).count() / static_cast<double>(stride_);
    asked_ = now;
    stride_ = std::clamp<int64_t>(static_cast<int64_t>(0.1 * kPeriod / std::max(pace, 1e-9)), 1, 4 * stride_);
    countdown_ = stride_;
    return due;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr double kPeriod = 0.02;
  Clock::time_point last_ = Clock::now(), asked_ = last_;
  int64_t countdown_ = 1, stride_ = 1;
};

}  // namespace nncore
