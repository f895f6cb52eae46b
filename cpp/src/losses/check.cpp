#include <algorithm>
#include <cmath>

#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// The line that makes labels 0 to C - 1 of these; "" where none is known.
std::string conversion_of_labels(int64_t C, int64_t N, const int64_t* labels) {
  const auto all = [&](auto is) { return std::all_of(labels, labels + N, is); };
  if (all([](int64_t label) { return label == -1 || label == 1; })) return "for labels -1 and 1 use y = (y + 1) // 2";
  const bool begin_at_one = all([C](int64_t label) { return 1 <= label && label <= C; });
  return begin_at_one ? "for labels 1 to " + std::to_string(C) + " use y - 1" : "";
}

/// What makes targets of these, which do not have the shape of z; "" where nothing is known.
template <class T>
std::string conversion_of_values(const Shape& z, const Target<T>& y) {
  const bool column = z.rank() == 2 && y.shape == Shape{z[0], 1};
  if (z.rank() != 2 || z[1] < 2 || !(column || y.shape == z.rows()) || z[0] == 0) return "";
  const auto [low, high] = std::minmax_element(y.values, y.values + z[0]);
  const bool whole = std::all_of(y.values, y.values + z[0], [](T v) { return v == std::floor(v); });
  const int64_t first = static_cast<double>(*high) == static_cast<double>(z[1]) ? 1 : 0;
  if (!whole || *low < T(first) || static_cast<double>(*high) > static_cast<double>(z[1] - 1 + first)) {
    return "for one target a sample end the net in one output";
  }
  const std::string labels = std::string(column ? "y.ravel()" : "y") + (first == 1 ? " - 1" : "");
  return "for labels use nc.CrossEntropyLoss(), or nc.functional.one_hot(" + labels + ", " + std::to_string(z[1]) + ")";
}

}  // namespace

template <class T>
void check_labels(const char* where, const Shape& z, const Target<T>& y, const int64_t* ignored) {
  if (z.rank() != 2) throw ShapeError(expected(where, "z", "(N, C)", z.str()));
  const int64_t N = z[0], C = z[1];
  if (!(y.shape == Shape{N})) {
    const bool column = y.shape == Shape{N, 1};
    throw ShapeError(expected(where, "y", Shape{N}.str(), y.shape.str(),
                              column ? "use y.ravel()" : y.shape == z ? "for one-hot rows use y.argmax(1)" : ""));
  }
  for (int64_t n = 0; n < N; ++n) {
    const int64_t label = y.labels[n];
    if (ignored != nullptr && label == *ignored) continue;
    if (label < 0 || label >= C) {
      throw ConfigError(expected(where, "y", "labels 0 to " + std::to_string(C - 1),
                                 std::to_string(label) + " at index " + std::to_string(n),
                                 conversion_of_labels(C, N, y.labels)));
    }
  }
}

template <class T>
void check_signs(const char* where, const Shape& z, const Target<T>& y) {
  if (z.rank() != 2 || z[1] != 1) throw ShapeError(expected(where, "z", "(N, 1)", z.str()));
  if (!(y.shape == z) && !(y.shape == z.rows())) {
    throw ShapeError(expected(where, "y", z.rows().str(), y.shape.str()));
  }
  for (int64_t n = 0; n < z[0]; ++n) {
    const double given = y.number(n);
    if (given == 1.0 || given == -1.0) continue;
    const char* const hint = "for labels 0 and 1 use 2 * y - 1";
    throw ConfigError(expected(where, "y", "labels -1 and 1", to_string(Value(given)), hint));
  }
}

template <class T>
void check_values(const char* where, const Shape& z, const Target<T>& y) {
  if (y.shape == z) return;
  throw ShapeError(expected(where, "y", z.str(), y.shape.str(), conversion_of_values(z, y)));
}

template <class T>
Target<T> like_outputs(const Loss<T>& loss, const Shape& z, const Target<T>& y) {
  if (loss.user_defined() || loss.takes_labels() || y.values == nullptr) return y;
  const bool one_output = z.rank() == y.shape.rank() + 1 && z.back() == 1 && y.shape == z.rows();
  return one_output ? Target<T>{nullptr, y.values, z, y.weights} : y;
}

template Target<float> like_outputs(const Loss<float>&, const Shape&, const Target<float>&);
template Target<double> like_outputs(const Loss<double>&, const Shape&, const Target<double>&);
template void check_labels(const char*, const Shape&, const Target<float>&, const int64_t*);
template void check_labels(const char*, const Shape&, const Target<double>&, const int64_t*);
template void check_signs(const char*, const Shape&, const Target<float>&);
template void check_signs(const char*, const Shape&, const Target<double>&);
template void check_values(const char*, const Shape&, const Target<float>&);
template void check_values(const char*, const Shape&, const Target<double>&);

}  // namespace nncore
