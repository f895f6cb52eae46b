#include "nncore/reading.hpp"

#include <algorithm>
#include <cmath>

#include "nncore/registry.hpp"

namespace nncore {
namespace {

template <class T>
int64_t argmax(const T* values, int64_t C) {
  int64_t best = 0;
  for (int64_t c = 1; c < C; ++c) {
    if (values[c] > values[best]) best = c;
  }
  return best;
}

template <class T>
bool has_nan(const T* values, int64_t n) {
  return std::any_of(values, values + n, [](T v) { return std::isnan(v); });
}

template <class T>
bool all_of_two(const Target<T>& y, double low) {
  for (int64_t i = 0; i < y.shape.size(); ++i) {
    if (y.number(i) != low && y.number(i) != 1.0) return false;
  }
  return true;
}

/// Rows of zeros with a single 1, of targets that are 0 and 1.
template <class T>
bool is_one_hot(const T* values, int64_t N, int64_t C) {
  for (int64_t n = 0; n < N; ++n) {
    if (std::count(values + n * C, values + (n + 1) * C, T(1)) != 1) return false;
  }
  return true;
}

/// How targets that are classes say that values are to be read.
template <class T>
Reading reading_of_values(const Shape& z, const Target<T>& y) {
  const int64_t N = z[0], C = z.row_size();
  if (z.rank() == 2 && C > 1 && y.labels != nullptr && y.shape.size() == N) return {Reading::Kind::largest};
  if (y.shape.size() != z.size()) return {};
  if (all_of_two(y, 0.0)) {
    const bool one_hot = z.rank() == 2 && C > 1 && y.values != nullptr && is_one_hot(y.values, N, C);
    return one_hot ? Reading{Reading::Kind::largest} : Reading{Reading::Kind::border, 0.5};
  }
  return C == 1 && all_of_two(y, -1.0) ? Reading{Reading::Kind::border, 0.0, 0.0} : Reading{};
}

}  // namespace

template <class T>
Outputs outputs_of(const Model<T>& model, bool training) {
  std::size_t value = model.n_nodes();  // the last place is the output
  while (value > 0) {
    const ModelNode<T>& node = model.node(value - 1);
    const Spec& spec = node.handle->spec;
    if (spec.user_defined) return Outputs::unknown;
    const auto& traits = find_schema("layer", spec.name).traits;
    const auto found = traits.find("outputs");
    if (found != traits.end()) {
      return std::get<std::string>(found->second) == "probabilities" ? Outputs::probabilities
                                                                     : Outputs::log_probabilities;
    }
    if (traits.count("same_numbers") == 0 && (training || traits.count("same_in_inference") == 0)) break;
    value = node.inputs[0];
  }
  return Outputs::raw;
}

const char* outputs_name(Outputs outputs) {
  switch (outputs) {
    case Outputs::probabilities: return "probabilities";
    case Outputs::log_probabilities: return "log_probabilities";
    case Outputs::unknown: return "unknown";
    case Outputs::raw: break;
  }
  return "raw";
}

template <class T>
Reading reading_of(const Loss<T>& loss, Outputs outputs, const Shape& z, const Target<T>& y, bool required) {
  const Link link = loss.link();
  if (link == Link::identity) return required ? reading_of_values(z, y) : Reading{};
  const int64_t N = z[0];
  if (link == Link::sigmoid || (link == Link::sign && z.size() == N)) {
    if (y.shape.size() != z.size()) return {};  // a user-defined loss may take targets of any shape
    const bool probabilities = link == Link::sigmoid && outputs == Outputs::probabilities;
    return {Reading::Kind::border, probabilities ? 0.5 : 0.0, link == Link::sign ? 0.0 : 0.5};
  }
  const bool classes = z.rank() == 2 && (y.labels != nullptr ? y.shape.size() == N : y.shape == z);
  if (!classes) return {};
  Reading reading{Reading::Kind::largest};
  if (y.labels != nullptr) reading.ignored = loss.ignored_label().value_or(INT64_MIN);
  return reading;
}

template <class T>
void add_score(const Reading& reading, View<const T> z, const Target<T>& y, Score& score, bool with_nan) {
  if (reading.kind == Reading::Kind::values) return;
  if (reading.kind == Reading::Kind::border) {
    const T border = static_cast<T>(reading.border);
    const auto right = [&](int64_t i) {
      return (z.data[i] >= border) == (y.number(i) > reading.yes) && !(with_nan && std::isnan(z.data[i]));
    };
    if (y.weights != nullptr) {
      const int64_t D = z.shape.row_size();
      for (int64_t i = 0; i < z.size(); ++i) score.add(right(i), y.weights[i / D]);
      return;
    }
    int64_t correct = 0;
    for (int64_t i = 0; i < z.size(); ++i) correct += right(i);
    score.correct += static_cast<double>(correct);
    score.counted += static_cast<double>(z.size());
    return;
  }
  const int64_t N = z.batch(), C = z.shape[1];
  const bool ignores_a_class = reading.ignored >= 0 && reading.ignored < C;
  if (C == 2 && y.labels != nullptr && y.weights == nullptr && !with_nan && !ignores_a_class) {  // the same without branches, which could not be predicted
    int64_t counted = 0, correct = 0;
    for (int64_t n = 0; n < N; ++n) {
      const uint64_t label = static_cast<uint64_t>(y.labels[n]);
      const bool second = z.data[2 * n + 1] > z.data[2 * n];
      counted += label < 2;
      correct += label == static_cast<uint64_t>(second);
    }
    score.counted += static_cast<double>(counted);
    score.correct += static_cast<double>(correct);
    return;
  }
  for (int64_t n = 0; n < N; ++n) {
    const int64_t wanted = y.labels != nullptr ? y.labels[n] : argmax(y.values + n * C, C);
    if (wanted < 0 || wanted >= C || (ignores_a_class && wanted == reading.ignored)) continue;
    score.add(argmax(z.data + n * C, C) == wanted && !(with_nan && has_nan(z.data + n * C, C)), y.weight(n));
  }
}

#define NNCORE_INSTANTIATE(T)                                                                \
  template Outputs outputs_of(const Model<T>&, bool);                                        \
  template Reading reading_of(const Loss<T>&, Outputs, const Shape&, const Target<T>&, bool);          \
  template void add_score(const Reading&, View<const T>, const Target<T>&, Score&, bool);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)

}  // namespace nncore
