#include "nncore/perceptron.hpp"

#include "nncore/rng.hpp"
#include "train/ticker.hpp"

namespace nncore {
namespace {

/// One epoch of the batch rule: w += rate · mean of y x over the misclassified. Returns how many there were.
int64_t batch_epoch(int64_t N, int64_t D, const double* x, const double* y, double rate, std::vector<double>& w) {
  std::vector<double> sum(w.size(), 0.0);
  int64_t errors = 0;
  for (int64_t n = 0; n < N; ++n) {
    const double* row = x + n * D;
    const double predicted = perceptron_output(D, w.data(), row) >= 0 ? 1.0 : -1.0;
    if (predicted == y[n]) continue;
    ++errors;
    for (int64_t d = 0; d < D; ++d) sum[static_cast<std::size_t>(d)] += y[n] * row[d];
    sum.back() += y[n];
  }
  if (errors > 0) {
    for (std::size_t d = 0; d < w.size(); ++d) w[d] += rate * (sum[d] / static_cast<double>(errors));
  }
  return errors;
}

int64_t online_epoch(int64_t N, int64_t D, const double* x, const double* y, double rate, const int64_t* order,
                     std::vector<double>& w) {
  int64_t errors = 0;
  for (int64_t i = 0; i < N; ++i) {
    const int64_t n = order[i];
    const double* row = x + n * D;
    const double predicted = perceptron_output(D, w.data(), row) >= 0 ? 1.0 : -1.0;
    if (predicted == y[n]) continue;
    ++errors;
    for (int64_t d = 0; d < D; ++d) w[static_cast<std::size_t>(d)] += rate * y[n] * row[d];
    w.back() += rate * y[n];
  }
  return errors;
}

}  // namespace

double perceptron_output(int64_t D, const double* weights, const double* x) {
  double z = weights[D];
  for (int64_t d = 0; d < D; ++d) z += weights[d] * x[d];
  return z;
}

PerceptronFit fit_perceptron(int64_t N, int64_t D, const double* x, const double* y, const PerceptronOptions& options,
                             const std::function<bool()>& poll) {
  PerceptronFit fit;
  fit.weights.assign(static_cast<std::size_t>(D + 1), 0.0);
  std::vector<int64_t> order(static_cast<std::size_t>(options.rule == PerceptronRule::online ? N : 0));
  Ticker ticker;
  for (fit.epochs = 0; fit.epochs < options.max_epochs; ++fit.epochs) {
    int64_t errors = 0;
    if (options.rule == PerceptronRule::batch) {
      errors = batch_epoch(N, D, x, y, options.rate, fit.weights);
    } else {
      shuffle(Stream(options.seed, "perceptron", static_cast<uint32_t>(fit.epochs)), N, order.data());
      errors = online_epoch(N, D, x, y, options.rate, order.data(), fit.weights);
    }
    fit.errors.push_back(errors);
    fit.converged = errors == 0;
    if (fit.converged || (ticker.due() && poll())) break;
  }
  return fit;
}

}  // namespace nncore
