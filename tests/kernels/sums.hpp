/// How far a sum may be from the exact one.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace nncore::check {

/// |got - start - sum a b| <= (terms + 1) eps (|start| + sum |a b|), the bound of any order of the sum.
template <class T, class Term>
bool close(T got, long double start, int64_t terms, Term term) {
  long double sum = start, size = std::fabs(start);
  for (int64_t i = 0; i < terms; ++i) {
    const long double t = term(i);
    sum += t;
    size += std::fabs(t);
  }
  const long double eps = std::numeric_limits<T>::epsilon();
  return std::fabs(static_cast<long double>(got) - sum) <= eps * static_cast<long double>(terms + 1) * size;
}

}  // namespace nncore::check
