/// Matrices in guarded memory, for the checks of products.
#pragma once

#include "values.hpp"

namespace nncore::check {

/// y (m, n), x (m, k), w (k, n).
struct Sizes {
  int64_t m, n, k;
  explicit Sizes(const Problem& p) : m(p["m"]), n(p["n"]), k(p["k"]) {}
};
inline Problem product(const char* kernel, int64_t m, int64_t n, int64_t k) {
  return {kernel, {{"m", m}, {"n", n}, {"k", k}}};
}

/// A matrix of rows `ld` apart inside guarded memory. The gaps of an input hold NaN, those of an output a pattern.
template <class T>
struct Matrix {
  int64_t rows, columns, ld;
  Guarded<T> memory;
  Matrix(int64_t rows_, int64_t columns_, int64_t gap)
      : rows(rows_), columns(columns_), ld(columns_ + gap), memory(rows_ > 0 ? (rows_ - 1) * ld + columns_ : 0) {}
  T* row(int64_t r) { return memory.data() + r * ld; }
  const T* row(int64_t r) const { return memory.data() + r * ld; }
  T at(int64_t r, int64_t c) const { return memory[r * ld + c]; }

  void fill(uint64_t seed) {
    Numbers(seed).fill(memory, 1);
    for (int64_t i = 0; i < memory.size(); ++i)
      if (i % ld >= columns) memory[i] = std::numeric_limits<T>::quiet_NaN();
  }
  int check_gaps() const {
    for (int64_t i = 0; i < memory.size(); ++i)
      if (i % ld >= columns && !memory.untouched(i)) return fail("write between rows", i / ld, i % ld);
    return check_fronts(memory);
  }
};

}  // namespace nncore::check
