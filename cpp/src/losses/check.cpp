#include <algorithm>

#include "nncore/loss.hpp"

namespace nncore {
namespace {

bool begin_at_one(int64_t C, int64_t N, const int64_t* labels) {
  return std::all_of(labels, labels + N, [C](int64_t label) { return 1 <= label && label <= C; });
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
                                 begin_at_one(C, N, y.labels) ? "for labels 1 to " + std::to_string(C) + " use y - 1" : ""));
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
  const bool flat = y.shape.rank() + 1 == z.rank() && z.back() == 1 && y.shape == z.rows();
  throw ShapeError(expected(where, "y", z.str(), y.shape.str(), flat ? "use y[:, None]" : ""));
}

template void check_labels(const char*, const Shape&, const Target<float>&, const int64_t*);
template void check_labels(const char*, const Shape&, const Target<double>&, const int64_t*);
template void check_signs(const char*, const Shape&, const Target<float>&);
template void check_signs(const char*, const Shape&, const Target<double>&);
template void check_values(const char*, const Shape&, const Target<float>&);
template void check_values(const char*, const Shape&, const Target<double>&);

}  // namespace nncore
