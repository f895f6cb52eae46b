#include "train/metrics/class_metric.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/softmax/softmax.hpp"
#include "kernels/table.hpp"
#include "nncore/error.hpp"
#include "train/metrics/class_probabilities.hpp"

namespace nncore {

/// Of one class: how many samples have it, are taken for it, and both, each by its weight. Not in the
/// anonymous namespace: the metrics hold pointers to its members, which GCC warns of in joined files.
struct Counts {
  double actual = 0, taken = 0, right = 0;
  bool seen() const { return actual + taken > 0; }
  double precision() const { return taken == 0 ? 0 : right / taken; }
  double recall() const { return actual == 0 ? 0 : right / actual; }
  double f1() const { return seen() ? 2 * right / (actual + taken) : 0; }
};

namespace {

/// Counts of classes 0 to C - 1. A sample whose outputs hold NaN is taken for none.
template <class T>
std::vector<Counts> counts_of_largest(const Reading& reading, View<const T> z, const Target<T>& y) {
  const int64_t N = z.batch(), C = z.shape[1];
  std::vector<Counts> counts(static_cast<std::size_t>(C));
  for (int64_t n = 0; n < N; ++n) {
    const int64_t label = class_of(reading, y, n, C);
    if (label < 0) continue;
    const double s = y.weight(n);
    Counts& actual = counts[static_cast<std::size_t>(label)];
    actual.actual += s;
    const T* row = z.data + n * C;
    if (std::any_of(row, row + C, [](T v) { return std::isnan(v); })) continue;
    const int64_t largest = std::max_element(row, row + C) - row;
    counts[static_cast<std::size_t>(largest)].taken += s;
    if (largest == label) actual.right += s;
  }
  return counts;
}

/// Counts of no and of yes, classes 0 and 1, of output d of D.
template <class T>
std::vector<Counts> counts_of_border(const Reading& reading, View<const T> z, const Target<T>& y, int64_t d, int64_t D) {
  std::vector<Counts> counts(2);
  const T border = static_cast<T>(reading.border);
  for (int64_t i = d; i < z.size(); i += D) {
    const double s = y.weight(i / D);
    const bool yes = y.number(i) > reading.yes, taken = z.data[i] >= border;
    counts[yes].actual += s;
    if (std::isnan(z.data[i])) continue;
    counts[taken].taken += s;
    if (taken == yes) counts[yes].right += s;
  }
  return counts;
}

/// Of two classes, or of one output, the number of class 1; of several outputs or more classes the mean over those that
/// samples have or are taken for.
template <class T>
double number_of_classes(double (Counts::*number)() const, const Reading& reading, View<const T> z, const Target<T>& y) {
  double sum = 0;
  if (reading.kind == Reading::Kind::border) {
    const int64_t D = z.shape.row_size();
    for (int64_t d = 0; d < D; ++d) sum += (counts_of_border(reading, z, y, d, D)[1].*number)();
    return sum / static_cast<double>(D);
  }
  const std::vector<Counts> counts = counts_of_largest(reading, z, y);
  if (counts.size() == 2) return (counts[1].*number)();
  int64_t classes = 0;
  for (const Counts& one : counts) {
    if (!one.seen()) continue;
    ++classes;
    sum += (one.*number)();
  }
  return sum / static_cast<double>(classes);
}

/// The mean recall of the classes that samples have.
template <class T>
double balanced_accuracy(const Reading& reading, View<const T> z, const Target<T>& y) {
  const bool border = reading.kind == Reading::Kind::border;
  const auto counts = border ? counts_of_border(reading, z, y, 0, 1) : counts_of_largest(reading, z, y);
  double sum = 0;
  int64_t classes = 0;
  for (const Counts& one : counts) {
    if (one.actual == 0) continue;
    ++classes;
    sum += one.recall();
  }
  return sum / static_cast<double>(classes);
}

struct Scored {
  double score, weight;
  bool yes;
};

/// The share of pairs, one of a sample that is a yes and one that is none, in which the yes has the larger score; equal
/// ones count half, and each by the product of its weights. NaN without such a pair or with a score that is NaN.
double area(std::vector<Scored> samples) {
  if (std::any_of(samples.begin(), samples.end(), [](const Scored& s) { return std::isnan(s.score); })) {
    return std::nan("");
  }
  std::sort(samples.begin(), samples.end(), [](const Scored& a, const Scored& b) { return a.score < b.score; });
  double larger = 0, below = 0, positives = 0;
  for (std::size_t first = 0, end = 0; first < samples.size(); first = end) {
    double here[2] = {0, 0};
    for (; end < samples.size() && samples[end].score == samples[first].score; ++end) {
      here[samples[end].yes] += samples[end].weight;
    }
    larger += here[1] * (below + 0.5 * here[0]);
    below += here[0];
    positives += here[1];
  }
  return larger / (below * positives);
}

/// Of two classes or one output the area under the ROC curve; else the mean over classes, each against the rest, or over
/// outputs.
template <class T>
double auc(const Interpretation& how, View<const T> z, const Target<T>& y) {
  const std::vector<double> scores = scores_of(how, z);
  const int64_t N = z.batch(), D = z.shape.row_size();
  const bool border = how.classes.kind == Reading::Kind::border;
  const int64_t first = !border && D == 2 ? 1 : 0;
  double sum = 0;
  for (int64_t d = first; d < D; ++d) {
    std::vector<Scored> samples;
    for (int64_t n = 0; n < N; ++n) {
      const int64_t label = border ? 0 : class_of(how.classes, y, n, D);
      if (label < 0) continue;
      const bool yes = border ? y.number(n * D + d) > how.classes.yes : label == d;
      samples.push_back({scores[static_cast<std::size_t>(n * D + d)], y.weight(n), yes});
    }
    sum += area(std::move(samples));
  }
  return sum / static_cast<double>(D - first);
}

/// The weighted mean of -log p of the samples' classes, p at least as far from 0 and 1 as the spacing of T at 1. Targets that are
/// probabilities weigh the logarithms.
template <class T>
double log_loss(const Interpretation& how, View<const T> z, const Target<T>& y) {
  const std::vector<double> scores = scores_of(how, z);
  const int64_t N = z.batch(), C = z.shape.row_size();
  const auto log_of = [](double p) {
    constexpr double kLeast = std::numeric_limits<T>::epsilon();
    return std::isnan(p) ? p : std::log(std::clamp(p, kLeast, 1 - kLeast));
  };
  double sum = 0, counted = 0;
  for (int64_t n = 0; n < N; ++n) {
    const double s = y.weight(n);
    if (s == 0) continue;
    const double* p = scores.data() + n * C;
    if (how.classes.kind == Reading::Kind::border) {
      const double share = y.number(n);
      if (share > 0) sum -= s * share * log_of(p[0]);
      if (share < 1) sum -= s * (1 - share) * log_of(1 - p[0]);
    } else if (y.labels == nullptr) {
      for (int64_t c = 0; c < C; ++c) {
        if (y.values[n * C + c] != 0) sum -= s * static_cast<double>(y.values[n * C + c]) * log_of(p[c]);
      }
    } else {
      const int64_t label = class_of(how.classes, y, n, C);
      if (label < 0) continue;
      sum -= s * log_of(p[label]);
    }
    counted += s;
  }
  return sum / counted;
}

/// A check that the targets are classes; of several outputs each with a yes or no only where they are `many`.
template <class T>
auto class_check(const std::string& name, bool many) {
  return [name, many](const Interpretation& how, const Shape& z, const Target<T>& y) {
    if (how.classes.kind == Reading::Kind::values) refuse_metric(name, kClassTargets, "targets " + y.shape.str());
    if (!many && how.classes.kind == Reading::Kind::border && z.row_size() > 1) {
      refuse_metric(name, "one class a sample", "targets " + y.shape.str() + " of 0 and 1");
    }
  };
}

}  // namespace

void refuse_metric(const std::string& name, const std::string& wanted, const std::string& got) {
  throw ConfigError(expected("[fit]", "metrics: '" + name + "'", wanted, got));
}

template <class T>
std::optional<Metric<T>> class_metric(const std::string& name) {
  using Number = double (Counts::*)() const;
  const std::pair<const char*, Number> numbers[] = {
      {"f1", &Counts::f1}, {"precision", &Counts::precision}, {"recall", &Counts::recall}};
  for (const auto& [known, number] : numbers) {
    if (name != known) continue;
    return Metric<T>{name, class_check<T>(name, true),
                     [number = number](const Interpretation& how, View<const T> z, const Target<T>& y) {
                       return number_of_classes(number, how.classes, z, y);
                     }};
  }
  if (name == "balanced_accuracy") {
    return Metric<T>{name, class_check<T>(name, false),
                     [](const Interpretation& how, View<const T> z, const Target<T>& y) {
                       return balanced_accuracy(how.classes, z, y);
                     }};
  }
  if (name != "auc" && name != "log_loss") return std::nullopt;
  const bool area = name == "auc";
  const auto check = [name, area](const Interpretation& how, const Shape& z, const Target<T>& y) {
    class_check<T>(name, area)(how, z, y);
    const bool two = how.classes.kind == Reading::Kind::border || z[1] == 2;
    if (!gives_probabilities(how) && !(area && two)) {
      refuse_metric(name, "a loss or a last layer that gives probabilities", "raw outputs " + z.str());
    }
  };
  return Metric<T>{name, check, area ? auc<T> : log_loss<T>};
}

template std::optional<Metric<float>> class_metric(const std::string&);
template std::optional<Metric<double>> class_metric(const std::string&);

}  // namespace nncore
