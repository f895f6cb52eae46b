/// Softmax, log-softmax, their derivatives and softmax with cross-entropy, over rows of C numbers.
///
/// Few columns: a block of L rows is transposed so that lane r holds row r, and sums run over the columns in ascending
/// order, lane by lane. Many columns: one row after the other, lanes along the row. C alone decides which, so a
/// row's result depends neither on its place nor on its neighbours. A NaN or +inf makes its whole row NaN through
/// the sum of the exponentials, whatever the maximum was.
#include "kernels/groups.hpp"
#include "kernels/simd/double_sum.hpp"
#include "kernels/simd/each_register.hpp"
#include "kernels/simd/math.hpp"
#include "kernels/simd/transpose.hpp"
#include "kernels/softmax/softmax.hpp"

namespace nncore::NNCORE_ISA {
namespace softmax {
namespace {

/// Up to here transposing a block costs less than folding the lanes of each row. A multiple of every L.
constexpr int64_t kFewColumns = 32;

// ---- A block: lane r = row r, one register per column ------------------------------------------------------------

template <class T>
NNCORE_INLINE Vec<T> largest_column(int64_t C, const Vec<T>* z) {
  Vec<T> m = z[0];
  for (int64_t c = 1; c < C; ++c) m = max(m, z[c]);
  return m;
}

/// y = exp(z - m) / sum exp(z - m), m = max z.
template <class T>
NNCORE_INLINE void softmax_block(int64_t C, Vec<T>* z) {
  const Vec<T> m = largest_column(C, z);
  Vec<T> total = Vec<T>::zero();
  for (int64_t c = 0; c < C; ++c) {
    z[c] = exp(z[c] - m);
    total = total + z[c];
  }
  const Vec<T> factor = Vec<T>::broadcast(T(1)) / total;
  for (int64_t c = 0; c < C; ++c) z[c] = z[c] * factor;
}

/// y = (z - m) - log sum exp(z - m).
template <class T>
NNCORE_INLINE void log_softmax_block(int64_t C, Vec<T>* z) {
  const Vec<T> m = largest_column(C, z);
  Vec<T> total = Vec<T>::zero();
  for (int64_t c = 0; c < C; ++c) {
    z[c] = z[c] - m;
    total = total + exp(z[c]);
  }
  const Vec<T> shift = log(total);
  for (int64_t c = 0; c < C; ++c) z[c] = z[c] - shift;
}

/// dz = y (dy - sum y dy), into dy.
template <class T>
NNCORE_INLINE void softmax_backward_block(int64_t C, const Vec<T>* y, Vec<T>* dy) {
  Vec<T> mean = Vec<T>::zero();
  for (int64_t c = 0; c < C; ++c) mean = fma(y[c], dy[c], mean);
  for (int64_t c = 0; c < C; ++c) dy[c] = y[c] * (dy[c] - mean);
}

/// dz = dy - exp(y) sum dy, into dy.
template <class T>
NNCORE_INLINE void log_softmax_backward_block(int64_t C, const Vec<T>* y, Vec<T>* dy) {
  Vec<T> total = Vec<T>::zero();
  for (int64_t c = 0; c < C; ++c) total = total + dy[c];
  for (int64_t c = 0; c < C; ++c) dy[c] = fnma(exp(y[c]), total, dy[c]);
}

/// Returns log sum exp(z - m) - (z[label] - m), a row in each lane; z becomes scale (softmax(z) - onehot(label)).
template <class T>
NNCORE_INLINE Vec<T> cross_entropy_block(int64_t C, Vec<T> label, Vec<T> scale, Vec<T>* z) {
  const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::broadcast(T(1)), m = largest_column(C, z);
  Vec<T> total = zero, picked = zero;
  for (int64_t c = 0; c < C; ++c) {
    z[c] = z[c] - m;
    picked = select(label == Vec<T>::broadcast(static_cast<T>(c)), z[c], picked);
  }
  if (C == 2) {  // one of the two is 0 (or NaN), so their sum is the other and its exponential serves both
    const Vec<T> e = exp(z[0] + z[1]);
    for (int64_t c = 0; c < 2; ++c) z[c] = select(z[c] == zero, one, e);
    total = one + e;
  } else {
    for (int64_t c = 0; c < C; ++c) {
      z[c] = exp(z[c]);
      total = total + z[c];
    }
  }
  const Vec<T> factor = one / total;
  for (int64_t c = 0; c < C; ++c) {
    const Vec<T> y = z[c] * factor;
    z[c] = scale * select(label == Vec<T>::broadcast(static_cast<T>(c)), y - one, y);
  }
  return log(total) - picked;
}

// ---- A row: lanes along the columns ------------------------------------------------------------------------------

/// exp(z[i..] - m), zero in the lanes beyond the row.
template <class T, class Lanes>
NNCORE_INLINE Vec<T> row_exponentials(const T* z, Lanes lanes, Vec<T> m) {
  return exp(load_or(z, lanes, Vec<T>::broadcast(static_cast<T>(-__builtin_inf()))) - m);
}

template <class T>
NNCORE_INLINE Vec<T> largest_in_row(int64_t C, const T* z) {
  const Vec<T> lowest = Vec<T>::broadcast(static_cast<T>(-__builtin_inf()));
  Vec<T> m = lowest;
  each_register<T>(C, [&](int64_t c, auto lanes) { m = max(m, load_or(z + c, lanes, lowest)); });
  return Vec<T>::broadcast(largest(m));
}

/// y = exp(z - m); returns their sum.
template <class T>
NNCORE_INLINE T exponentials_of_row(int64_t C, Vec<T> m, const T* z, T* y) {
  Vec<T> total = Vec<T>::zero();
  each_register<T>(C, [&](int64_t c, auto lanes) {
    const Vec<T> e = row_exponentials(z + c, lanes, m);
    total = total + e;
    store(y + c, lanes, e);
  });
  return sum(total);
}

template <class T>
NNCORE_INLINE T sum_exponentials_of_row(int64_t C, Vec<T> m, const T* z) {
  Vec<T> total = Vec<T>::zero();
  each_register<T>(C, [&](int64_t c, auto lanes) { total = total + row_exponentials(z + c, lanes, m); });
  return sum(total);
}

template <class T>
NNCORE_INLINE void softmax_row(int64_t C, const T* z, T* y) {
  const Vec<T> factor = Vec<T>::broadcast(T(1) / exponentials_of_row(C, largest_in_row(C, z), z, y));
  each_register<T>(C, [=](int64_t c, auto lanes) { store(y + c, lanes, load(y + c, lanes) * factor); });
}

template <class T>
NNCORE_INLINE void log_softmax_row(int64_t C, const T* z, T* y) {
  const Vec<T> m = largest_in_row(C, z), shift = log(Vec<T>::broadcast(sum_exponentials_of_row(C, m, z)));
  each_register<T>(C, [=](int64_t c, auto lanes) { store(y + c, lanes, (load(z + c, lanes) - m) - shift); });
}

template <class T>
NNCORE_INLINE void softmax_backward_row(int64_t C, const T* y, const T* dy, T* dz) {
  Vec<T> total = Vec<T>::zero();
  each_register<T>(C, [&](int64_t c, auto lanes) { total = fma(load(y + c, lanes), load(dy + c, lanes), total); });
  const Vec<T> mean = Vec<T>::broadcast(sum(total));
  each_register<T>(C, [=](int64_t c, auto lanes) {
    store(dz + c, lanes, load(y + c, lanes) * (load(dy + c, lanes) - mean));
  });
}

template <class T>
NNCORE_INLINE void log_softmax_backward_row(int64_t C, const T* y, const T* dy, T* dz) {
  Vec<T> partial = Vec<T>::zero();
  each_register<T>(C, [&](int64_t c, auto lanes) { partial = partial + load(dy + c, lanes); });
  const Vec<T> total = Vec<T>::broadcast(sum(partial));
  each_register<T>(C, [=](int64_t c, auto lanes) {
    store(dz + c, lanes, fnma(exp(load(y + c, lanes)), total, load(dy + c, lanes)));
  });
}

template <class T>
NNCORE_INLINE T cross_entropy_row(int64_t C, const T* z, int64_t label, T scale, T* dz) {
  const Vec<T> m = largest_in_row(C, z);
  const T picked = z[label] - m.v[0];  // read before dz, which may lie where z does
  const T total = dz ? exponentials_of_row(C, m, z, dz) : sum_exponentials_of_row(C, m, z);
  if (dz) {
    const T factor = T(1) / total, at_label = scale * (dz[label] * factor - T(1));
    const Vec<T> to_y = Vec<T>::broadcast(factor), to_dz = Vec<T>::broadcast(scale);
    each_register<T>(C, [=](int64_t c, auto lanes) { store(dz + c, lanes, to_dz * (load(dz + c, lanes) * to_y)); });
    dz[label] = at_label;
  }
  return log(Vec<T>::broadcast(total)).v[0] - picked;
}

// ---- All rows ----------------------------------------------------------------------------------------------------

/// body(first row, rows <= L) for every block.
template <class T, class Body>
NNCORE_INLINE void each_block(int64_t rows, const Body& body) {
  constexpr int64_t L = Vec<T>::lanes;
  for (int64_t r = 0; r < rows; r += L) body(r, rows - r < L ? rows - r : L);
}

/// y = f(z): on_block(first row, rows, C, block) in place or on_row(row, z, y). Two columns have a shorter
/// transposition. Without y nothing is written by blocks.
template <class T, class OnBlock, class OnRow>
NNCORE_INLINE void each_row(int64_t rows, int64_t C, const T* z, T* y, OnBlock on_block, OnRow on_row) {
  if (C == 2) {
    each_block<T>(rows, [&](int64_t r, int64_t count) {
      Vec<T> block[2];
      transpose_pairs(count, z + 2 * r, block);
      on_block(r, count, 2, block);
      if (y) transpose_pairs_back(count, block, y + 2 * r);
    });
  } else if (C <= kFewColumns) {
    each_block<T>(rows, [&](int64_t r, int64_t count) {
      Vec<T> block[kFewColumns];
      transpose_rows(count, C, z + r * C, block);
      on_block(r, count, C, block);
      if (y) transpose_rows_back(count, C, block, y + r * C);
    });
  } else {
    for (int64_t r = 0; r < rows; ++r) on_row(r, z + r * C, y ? y + r * C : nullptr);
  }
}

/// dz = f(y, dy): on_block(C, y, dy), in place in dy, or on_row(C, y, dy, dz).
template <class T, class OnBlock, class OnRow>
NNCORE_INLINE void each_row_backward(int64_t rows, int64_t C, const T* y, const T* dy, T* dz, OnBlock on_block,
                                     OnRow on_row) {
  if (C == 2) {
    each_block<T>(rows, [&](int64_t r, int64_t count) {
      Vec<T> block[2], gradient[2];
      transpose_pairs(count, y + 2 * r, block);
      transpose_pairs(count, dy + 2 * r, gradient);
      on_block(2, block, gradient);
      transpose_pairs_back(count, gradient, dz + 2 * r);
    });
  } else if (C <= kFewColumns) {
    each_block<T>(rows, [&](int64_t r, int64_t count) {
      Vec<T> block[kFewColumns], gradient[kFewColumns];
      transpose_rows(count, C, y + r * C, block);
      transpose_rows(count, C, dy + r * C, gradient);
      on_block(C, block, gradient);
      transpose_rows_back(count, C, gradient, dz + r * C);
    });
  } else {
    for (int64_t r = 0; r < rows; ++r) on_row(C, y + r * C, dy + r * C, dz + r * C);
  }
}

template <class T>
void forward(int64_t rows, int64_t C, const T* z, T* y) {
  each_row(
      rows, C, z, y, [](int64_t, int64_t, int64_t columns, Vec<T>* block) { softmax_block(columns, block); },
      [=](int64_t, const T* from, T* to) { softmax_row(C, from, to); });
}

template <class T>
void log_forward(int64_t rows, int64_t C, const T* z, T* y) {
  each_row(
      rows, C, z, y, [](int64_t, int64_t, int64_t columns, Vec<T>* block) { log_softmax_block(columns, block); },
      [=](int64_t, const T* from, T* to) { log_softmax_row(C, from, to); });
}

template <class T>
void backward(int64_t rows, int64_t C, const T* y, const T* dy, T* dz) {
  each_row_backward(
      rows, C, y, dy, dz, [](int64_t columns, const Vec<T>* a, Vec<T>* b) { softmax_backward_block(columns, a, b); },
      softmax_backward_row<T>);
}

template <class T>
void log_backward(int64_t rows, int64_t C, const T* y, const T* dy, T* dz) {
  each_row_backward(
      rows, C, y, dy, dz,
      [](int64_t columns, const Vec<T>* a, Vec<T>* b) { log_softmax_backward_block(columns, a, b); },
      log_softmax_backward_row<T>);
}

template <class T>
double cross_entropy(int64_t rows, int64_t C, const T* z, const int64_t* labels, T scale, T* dz) {
  DoubleSum<T> block_loss;
  double row_loss = 0;
  each_row(
      rows, C, z, dz,
      [&](int64_t first, int64_t count, int64_t columns, Vec<T>* block) {
        const Vec<T> label = Vec<T>::load_integers(labels + first, count);  // exact: a block has few columns
        const Vec<T> loss = cross_entropy_block(columns, label, Vec<T>::broadcast(scale), block);
        block_loss.add(count == Vec<T>::lanes ? loss : select(FirstLanes<T>(count).mask(), loss, Vec<T>::zero()));
      },
      [&](int64_t r, const T* from, T* to) { row_loss += cross_entropy_row(C, from, labels[r], scale, to); });
  return block_loss.total() + row_loss;
}

template <class T>
void cross_entropy_values(int64_t rows, int64_t C, const T* z, const int64_t* labels, double* values) {
  each_row(
      rows, C, z, static_cast<T*>(nullptr),
      [=](int64_t first, int64_t count, int64_t columns, Vec<T>* block) {
        const Vec<T> label = Vec<T>::load_integers(labels + first, count);
        const Vec<T> loss = cross_entropy_block(columns, label, Vec<T>::zero(), block);
        T lanes[Vec<T>::lanes];
        loss.store(lanes);
        for (int64_t r = 0; r < count; ++r) values[first + r] = static_cast<double>(lanes[r]);
      },
      [=](int64_t r, const T* from, T*) {
        values[r] = static_cast<double>(cross_entropy_row<T>(C, from, labels[r], T(0), nullptr));
      });
}


template <class T>
constexpr SoftmaxKernels<T> table() {
  return {
      .forward = forward<T>,
      .log_forward = log_forward<T>,
      .backward = backward<T>,
      .log_backward = log_backward<T>,
      .cross_entropy = cross_entropy<T>,
      .cross_entropy_values = cross_entropy_values<T>,
  };
}

}  // namespace
}  // namespace softmax

constinit const SoftmaxKernels<float> kSoftmaxF32 = softmax::table<float>();
constinit const SoftmaxKernels<double> kSoftmaxF64 = softmax::table<double>();

}  // namespace nncore::NNCORE_ISA
