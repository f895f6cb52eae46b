#include "nncore/metric.hpp"

#include <algorithm>
#include <cmath>

#include "nncore/error.hpp"
#include "nncore/metric_names.hpp"
#include "train/metrics/class_metric.hpp"

namespace nncore {
namespace {

template <class T>
void check_classes(const Interpretation& how, const Shape& z, const Target<T>& y) {
  const bool classes = how.link == Link::softmax || how.link == Link::log_softmax;
  if (!classes || y.labels == nullptr || z.rank() != 2 || !(y.shape == Shape{z[0]})) {
    refuse_metric("top5", "a loss with classes and labels (N,)", "targets " + y.shape.str());
  }
}

/// The share of samples whose label is among the five largest outputs; of equal outputs the first are taken, and a
/// sample with NaN is wrong. Labels that are no class do not count.
template <class T>
double top5(const Interpretation&, View<const T> z, const Target<T>& y) {
  const int64_t N = z.batch(), C = z.shape[1];
  Score score;
  for (int64_t n = 0; n < N; ++n) {
    const int64_t label = y.labels[n];
    if (label < 0 || label >= C) continue;
    const T* row = z.data + n * C;
    int64_t before = 0;
    for (int64_t c = 0; c < C; ++c) before += row[c] > row[label] || (row[c] == row[label] && c < label);
    score.add(before < 5 && std::none_of(row, row + C, [](T v) { return std::isnan(v); }), y.weight(n));
  }
  return score.accuracy();
}

template <class T>
void check_numbers(const std::string& name, const Shape& z, const Target<T>& y) {
  if (y.values == nullptr || !(y.shape == z || (z.back() == 1 && y.shape == z.rows()))) {
    refuse_metric(name, "targets of the outputs' shape " + z.str(),
                  (y.values == nullptr ? "labels " : "targets ") + y.shape.str());
  }
}

/// Mean over all elements of f(output - target), each with the weight of its sample.
template <class T, class F>
double mean_of(View<const T> z, const Target<T>& y, F f) {
  const int64_t D = z.shape.row_size();
  double sum = 0;
  for (int64_t i = 0; i < z.size(); ++i) {
    const double error = f(static_cast<double>(z.data[i]) - static_cast<double>(y.values[i]));
    sum += y.weights == nullptr ? error : y.weights[i / D] * error;
  }
  return sum / (y.total_weight() * static_cast<double>(D));
}

/// 1 - Σ s (y - z)² / Σ s (y - mean y)², the mean over the outputs. Where y is constant, 1 for exact outputs and else 0,
/// as scikit-learn.
template <class T>
double r2(const Interpretation&, View<const T> z, const Target<T>& y) {
  const int64_t N = z.batch(), D = z.size() / N;
  double total = 0;
  for (int64_t d = 0; d < D; ++d) {
    double mean = 0, error = 0, spread = 0;
    for (int64_t n = 0; n < N; ++n) mean += y.weight(n) * static_cast<double>(y.values[n * D + d]);
    mean /= y.total_weight();
    for (int64_t n = 0; n < N; ++n) {
      const double wanted = static_cast<double>(y.values[n * D + d]);
      const double e = wanted - static_cast<double>(z.data[n * D + d]);
      error += y.weight(n) * e * e;
      spread += y.weight(n) * (wanted - mean) * (wanted - mean);
    }
    total += spread == 0 ? (error == 0 ? 1.0 : 0.0) : 1 - error / spread;
  }
  return total / static_cast<double>(D);
}

}  // namespace

template <class T>
Metric<T> metric(const std::string& name) {
  if (name == "top5") return {name, check_classes<T>, top5<T>};
  if (auto of_classes = class_metric<T>(name)) return *of_classes;
  const auto check = [name](const Interpretation&, const Shape& z, const Target<T>& y) { check_numbers(name, z, y); };
  if (name == "r2") return {name, check, r2<T>};
  if (name == "mse") {
    return {name, check,
            [](const Interpretation&, View<const T> z, const Target<T>& y) {
              return mean_of(z, y, [](double e) { return e * e; });
            }};
  }
  if (name == "mae") {
    return {name, check,
            [](const Interpretation&, View<const T> z, const Target<T>& y) {
              return mean_of(z, y, [](double e) { return std::fabs(e); });
            }};
  }
  std::string names;
  for (const MetricName& known : kMetricNames) {
    if (known.measured) names.append("'").append(known.name).append("', ");
  }
  throw ConfigError(expected("[fit]", "metrics", names + "or a function", "'" + name + "'"));
}

template Metric<float> metric(const std::string&);
template Metric<double> metric(const std::string&);

}  // namespace nncore
