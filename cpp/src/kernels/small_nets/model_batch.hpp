/// A model batch: as many small nets of one shape as a register has lanes, each operation on a number of one net being
/// one instruction on that number of all (what vmap does). In arrays a number stands for one register. Nothing crosses
/// lanes. Losses and penalties are added to one double for each lane.
#pragma once

#include "kernels/table.hpp"

namespace nncore {

/// M rows, N columns, R terms, and how many registers they lie apart.
struct ModelBatchProduct {
  int64_t M, N, R;
  int64_t a_row, a_term, b_row, b_term, c_row, c_column;
  bool add;   ///< to what is there
  bool relu;  ///< of the result
};
/// S samples (at most 8) of C outputs, which lie `row` registers apart.
struct ModelBatchOutputs {
  int64_t S, C, row;
};

/// z and dz (C, row), y likewise or, for labels, (1, row): loss += the sum over samples and outputs, right += how many
/// are classified right, dz = scale * the derivative of the sum.
template <class T>
using ModelBatchLoss = void (*)(const ModelBatchOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss,
                                double* right);

template <class T>
struct ModelBatchKernels {
  /// c[m, n] = sum_r a[m, r] b[n, r], in ascending order; then 0 where gate[m, n] <= 0. gate lies as c, or is null.
  void (*product)(const ModelBatchProduct& p, const T* a, const T* b, const T* gate, T* c);
  ModelBatchLoss<T> cross_entropy, squares, logits;  ///< squares: (z - y)^2; logits: BCEWithLogitsLoss
  /// C rows of K weights, `row` registers apart: g += l2 w + l1 sign(w), value += l2/2 |w|^2 + l1 |w|_1; l2, l1 by
  /// lanes.
  void (*penalty)(int64_t C, int64_t K, int64_t row, const double* l2, const double* l1, const T* w, T* g,
                  double* value);
};

}  // namespace nncore
