/// Columns of a convolution, gathered into panels as the products want them. Runs are copied in whole registers: what
/// a copy writes too much, the next one overwrites.
#include "kernels/declarations.hpp"
#include "kernels/range.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
NNCORE_INLINE void gather(int64_t L, int64_t width, const int64_t* offset, int64_t runs, const Run* run, const T* x,
                          T* out) {
  constexpr int64_t lanes = Vec<T>::lanes;
  for (int64_t l = 0; l < L; ++l, out += width) {
    T* to = out;
    const T* row = x + offset[l];
    for (int64_t r = 0; r < runs; ++r) {
      const T* from = row + run[r].from;
      const int64_t length = run[r].length;
      for (int64_t i = 0; i < length; i += lanes) Vec<T>::load(from + i).store(to + i);
      to += length;
    }
  }
}

}  // namespace

void columns(int64_t L, int64_t width, const int64_t* offset, int64_t runs, const Run* run, const float* x, float* out) {
  gather(L, width, offset, runs, run, x, out);
}
void columns(int64_t L, int64_t width, const int64_t* offset, int64_t runs, const Run* run, const double* x,
             double* out) {
  gather(L, width, offset, runs, run, x, out);
}

}  // namespace nncore::NNCORE_ISA
