/// Rosenblatt's perceptron.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace nncore {

enum class PerceptronRule {
  batch,  ///< each epoch one update with the mean over the misclassified samples
  online  ///< an update after every misclassified sample, in a new random order each epoch
};

struct PerceptronOptions {
  double rate = 0.01;
  int64_t max_epochs = 100;
  PerceptronRule rule = PerceptronRule::batch;
  uint64_t seed = 0;
};

struct PerceptronFit {
  std::vector<double> weights;  ///< D of them, then the bias
  bool converged = false;
  int64_t epochs = 0;  ///< updates (batch) or passes (online) done when no error was found, or max_epochs
  std::vector<int64_t> errors;  ///< misclassified samples at the start of each epoch (online: during it)
};

/// Starts from weights 0; z = 0 counts as +1. x is (N, D), y holds -1 and 1. poll: true stops.
PerceptronFit fit_perceptron(int64_t N, int64_t D, const double* x, const double* y, const PerceptronOptions& options,
                             const std::function<bool()>& poll);

/// w·x + b; weights hold the bias last.
double perceptron_output(int64_t D, const double* weights, const double* x);

}  // namespace nncore
