/// The class that a target names, and the probabilities that outputs stand for.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/softmax/softmax.hpp"
#include "kernels/table.hpp"
#include "nncore/reading.hpp"

namespace nncore {

/// Of sample n, one of C classes: its label, or the largest of its values; -1 where it does not count.
template <class T>
int64_t class_of(const Reading& reading, const Target<T>& y, int64_t n, int64_t C) {
  if (y.labels == nullptr) return std::max_element(y.values + n * C, y.values + (n + 1) * C) - (y.values + n * C);
  const int64_t label = y.labels[n];
  return label < 0 || label >= C || label == reading.ignored ? -1 : label;
}

/// Are the scores probabilities?
inline bool gives_probabilities(const Interpretation& how) {
  return how.outputs == Outputs::probabilities || how.outputs == Outputs::log_probabilities ||
         how.link == Link::softmax || how.link == Link::log_softmax || how.link == Link::sigmoid;
}

/// The numbers of predict_proba, computed as there. Where outputs give none: themselves, and of two classes how much one
/// is before the other.
template <class T>
std::vector<double> scores_of(const Interpretation& how, View<const T> z) {
  const int64_t N = z.batch(), C = z.shape.row_size();
  const bool border = how.classes.kind == Reading::Kind::border;
  std::vector<T> p(z.data, z.data + z.size());
  if (how.outputs == Outputs::log_probabilities) {
    std::transform(p.begin(), p.end(), p.begin(), [](T v) { return std::exp(v); });
  } else if (how.outputs != Outputs::probabilities && gives_probabilities(how)) {
    if (border) {
      kernels<T>().elementwise.sigmoid.forward(z.size(), nullptr, z.data, p.data());
    } else {
      kernels<T>().softmax.forward(N, C, z.data, p.data());
    }
  } else if (how.outputs != Outputs::probabilities && !border && C == 2) {
    std::vector<double> ahead;
    for (int64_t n = 0; n < N; ++n) {
      const double d = static_cast<double>(z.data[2 * n + 1]) - static_cast<double>(z.data[2 * n]);
      ahead.insert(ahead.end(), {-d, d});
    }
    return ahead;
  }
  return {p.begin(), p.end()};
}

}  // namespace nncore
