/// Timing beside the FMA probe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "kernels/probe.hpp"

namespace nncore::check {

/// Aligned numbers that live as long as the benchmark of one problem.
template <class T>
class Aligned {
 public:
  explicit Aligned(int64_t size) : memory_(static_cast<size_t>(size) + 64) {
    for (size_t i = 0; i < memory_.size(); ++i) memory_[i] = static_cast<T>(i % 13) - T(6);
  }
  T* get() { return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64); }

 private:
  std::vector<T> memory_;
};

struct Timing {
  double best, median_fraction, best_fraction;  ///< seconds of one run; speed as fractions of the probe's
};

/// Rounds of probe, run, probe, run ...: the median of the ratios does not see the neighbours' noise. The best
/// fraction is the best run's to the best probe's.
template <class T, class Run>
Timing time_beside_probe(const Kernels<T>& kernels, double operations, Run&& run) {
  constexpr int rounds = 41;
  const auto seconds = [](auto&& what) {
    const auto start = std::chrono::steady_clock::now();
    what();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  int repeats = 1;
  const auto repeated = [&] { for (int i = 0; i < repeats; ++i) run(); };
  while (seconds(repeated) < 2e-4) repeats *= 2;

  std::vector<T> sums(static_cast<size_t>(kernels.lanes));
  std::vector<double> fractions;
  double best = 1e9, best_probe = 0;
  for (int round = 0; round < rounds; ++round) {
    double probed = 0;
    const double probe_time = seconds([&] { probed = kernels.probe.fma(20000, sums.data()); });
    const double time = seconds(repeated) / repeats;
    best = std::min(best, time);
    best_probe = std::max(best_probe, probed / probe_time);
    fractions.push_back(operations / time / (probed / probe_time));
  }
  std::nth_element(fractions.begin(), fractions.begin() + rounds / 2, fractions.end());
  return {best, fractions[rounds / 2], operations / best / best_probe};
}

}  // namespace nncore::check
