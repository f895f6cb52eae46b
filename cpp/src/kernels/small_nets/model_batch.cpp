/// A model batch: every operation on a number of one small net is one instruction on the same number of as many nets
/// as a register has lanes. Nothing ever crosses lanes, so no net depends on the others.
#include "kernels/groups.hpp"
#include "kernels/simd/math.hpp"
#include "kernels/small_nets/model_batch.hpp"

namespace nncore::NNCORE_ISA {
namespace model_batch {
namespace {

/// M × N sums; per term M + N loads for M N FMAs.
template <class T, int M, int N>
[[gnu::noinline]] void product_tile(const ModelBatchProduct& p, const T* a, const T* b, const T* gate, T* c) {
  constexpr int64_t L = Vec<T>::lanes;
  const Vec<T> zero = Vec<T>::zero();
  Vec<T> sum[M][N];
  if (p.add) {
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[m][n] = Vec<T>::load(c + (m * p.c_row + n * p.c_column) * L);
  } else {
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[m][n] = zero;
  }
  const int64_t a_row = p.a_row * L, a_term = p.a_term * L, b_row = p.b_row * L, b_term = p.b_term * L;
  for (int64_t r = p.R; r > 0; --r, a += a_term, b += b_term) {
    Vec<T> column[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) column[n] = in_register(Vec<T>::load(b + n * b_row));
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const Vec<T> row = Vec<T>::load(a + m * a_row);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[m][n] = fma(row, column[n], sum[m][n]);
    }
  }
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      const int64_t at = (m * p.c_row + n * p.c_column) * L;
      if (p.relu) sum[m][n] = max(zero, sum[m][n]);
      if (gate) sum[m][n] = select(Vec<T>::load(gate + at) <= zero, zero, sum[m][n]);
      sum[m][n].store(c + at);
    }
}

/// All columns of M rows.
template <class T, int M>
NNCORE_INLINE void product_rows(const ModelBatchProduct& p, const T* a, const T* b, const T* gate, T* c) {
  constexpr int64_t L = Vec<T>::lanes;
  constexpr int wide = kRegisters / 8;  // 4 * 4 + 4 + 1 = 21 of 32 registers, 4 * 2 + 2 + 1 = 11 of 16
  const int64_t b_next = p.b_row * L, c_next = p.c_column * L;
  int64_t n = p.N;
  for (; n >= wide; n -= wide, b += wide * b_next, c += wide * c_next) {
    product_tile<T, M, wide>(p, a, b, gate, c);
    if (gate) gate += wide * c_next;
  }
  if (wide == 4 && n == 3) product_tile<T, M, 3>(p, a, b, gate, c);
  if (wide == 4 && n == 2) product_tile<T, M, 2>(p, a, b, gate, c);
  if (n == 1) product_tile<T, M, 1>(p, a, b, gate, c);
}

template <class T>
void product(const ModelBatchProduct& p, const T* a, const T* b, const T* gate, T* c) {
  constexpr int64_t L = Vec<T>::lanes;
  const int64_t a_next = p.a_row * L, c_next = p.c_row * L;
  int64_t m = p.M;
  for (; m >= 4; m -= 4, a += 4 * a_next, c += 4 * c_next) {
    product_rows<T, 4>(p, a, b, gate, c);
    if (gate) gate += 4 * c_next;
  }
  if (m == 3) product_rows<T, 3>(p, a, b, gate, c);
  if (m == 2) product_rows<T, 2>(p, a, b, gate, c);
  if (m == 1) product_rows<T, 1>(p, a, b, gate, c);
}

/// Adds a register of numbers of T to doubles in memory.
template <class T>
NNCORE_INLINE void add_to(double* sums, Vec<T> x) {
  T lanes[Vec<T>::lanes];
  x.store(lanes);
  for (int i = 0; i < Vec<T>::lanes; ++i) sums[i] += static_cast<double>(lanes[i]);
}

/// The same for two classes, where one exponential does: with m = z[label] - z[other] it is log(1 + e^-m), and the
/// probability of the other class is 1 / (1 + e^m).
template <class T>
void cross_entropy_of_two(const ModelBatchOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss,
                          double* right) {
  constexpr int64_t L = Vec<T>::lanes;
  const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::broadcast(T(1)), to_dz = Vec<T>::broadcast(scale);
  Vec<T> sums = one, own = zero, hits = zero;
  for (int64_t s = 0; s < p.S; ++s) {
    const Vec<T> z0 = Vec<T>::load(z + s * L), z1 = Vec<T>::load(z + (p.row + s) * L), d = z1 - z0;
    const Mask<T> second = Vec<T>::load(y + s * L) > zero;
    const Vec<T> m = select(second, d, -d), e = exp(-abs(d)), sum = one + e;
    const Vec<T> other = to_dz * (select(m > zero, e, one) / sum), dz1 = select(second, -other, other);
    dz1.store(dz + (p.row + s) * L);
    (-dz1).store(dz + s * L);
    sums = sums * sum;
    own = own + min(m, zero) + (z0 - z0) + (z1 - z1);  // NaN for outputs that are not finite
    const Mask<T> predicted = d > zero;
    hits = hits + select((predicted & second) | (~predicted & ~second), one, zero);
  }
  add_to(loss, log(sums) - own);
  add_to(right, hits);
}

/// -log softmax(z)[label], dz = scale (softmax(z) - onehot). The logarithms of the samples' sums are taken together:
/// each sum lies between 1 and C.
template <class T>
void cross_entropy(const ModelBatchOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss, double* right) {
  if (p.C == 2) return cross_entropy_of_two(p, scale, z, y, dz, loss, right);
  constexpr int64_t L = Vec<T>::lanes;
  const Vec<T> one = Vec<T>::broadcast(T(1)), to_dz = Vec<T>::broadcast(scale);
  Vec<T> sums = one, own = Vec<T>::zero(), hits = Vec<T>::zero();
  for (int64_t s = 0; s < p.S; ++s, z += L, dz += L, y += L) {
    const Vec<T> label = Vec<T>::load(y);
    Vec<T> most = Vec<T>::load(z), best = Vec<T>::zero();
    for (int64_t c = 1; c < p.C; ++c) {
      const Vec<T> x = Vec<T>::load(z + c * p.row * L);
      best = select(x > most, Vec<T>::broadcast(static_cast<T>(c)), best);
      most = select(x > most, x, most);
    }
    Vec<T> sum = Vec<T>::zero();
    for (int64_t c = 0; c < p.C; ++c) {
      const Vec<T> x = Vec<T>::load(z + c * p.row * L) - most, e = exp(x);
      own = own + select(label == Vec<T>::broadcast(static_cast<T>(c)), x, Vec<T>::zero());
      sum = sum + e;
      e.store(dz + c * p.row * L);
    }
    const Vec<T> factor = one / sum;
    for (int64_t c = 0; c < p.C; ++c) {
      const Vec<T> share = Vec<T>::load(dz + c * p.row * L) * factor;
      const Vec<T> wanted = select(label == Vec<T>::broadcast(static_cast<T>(c)), one, Vec<T>::zero());
      (to_dz * (share - wanted)).store(dz + c * p.row * L);
    }
    sums = sums * sum;
    hits = hits + select(best == label, one, Vec<T>::zero());
  }
  add_to(loss, log(sums) - own);
  add_to(right, hits);
}

/// Losses of each output alone: f(z, y) is the loss, its derivative and whether z is right.
template <class T>
struct OutputLoss {
  Vec<T> loss, slope;
  Mask<T> right;
};
template <class T, class F>
NNCORE_INLINE void each_output(const ModelBatchOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss,
                               double* right, F f) {
  constexpr int64_t L = Vec<T>::lanes;
  const Vec<T> one = Vec<T>::broadcast(T(1)), to_dz = Vec<T>::broadcast(scale);
  for (int64_t c = 0; c < p.C; ++c, z += p.row * L, y += p.row * L, dz += p.row * L) {
    Vec<T> total = Vec<T>::zero(), hits = Vec<T>::zero();
    for (int64_t s = 0; s < p.S; ++s) {
      const OutputLoss<T> at = f(Vec<T>::load(z + s * L), Vec<T>::load(y + s * L));
      total = total + at.loss;
      hits = hits + select(at.right, one, Vec<T>::zero());
      (to_dz * at.slope).store(dz + s * L);
    }
    add_to(loss, total);
    add_to(right, hits);
  }
}

/// (z - y)².
template <class T>
void squares(const ModelBatchOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss, double* right) {
  each_output(p, scale, z, y, dz, loss, right, [](Vec<T> x, Vec<T> t) __attribute__((always_inline)) {
    const Vec<T> d = x - t;
    return OutputLoss<T>{d * d, d + d, d == Vec<T>::zero()};
  });
}

/// (1 - y) z + log(1 + e^-z), as in BCEWithLogitsLoss.
template <class T>
void logits(const ModelBatchOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss, double* right) {
  each_output(p, scale, z, y, dz, loss, right, [](Vec<T> x, Vec<T> t) __attribute__((always_inline)) {
    const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::broadcast(T(1));
    const Vec<T> fall = log1p_exp_below_zero(-abs(x)) + max(zero, -x);
    const Mask<T> yes = x >= zero, wanted = t > Vec<T>::broadcast(T(0.5));
    return OutputLoss<T>{fma(one - t, x, fall), sigmoid(x) - t, (yes & wanted) | (~yes & ~wanted)};
  });
}

/// Rows of K weights, `row` registers apart.
template <class T>
void penalty(int64_t C, int64_t K, int64_t row, const double* l2, const double* l1, const T* w, T* g, double* value) {
  constexpr int64_t L = Vec<T>::lanes;
  T each[2][L];
  for (int64_t i = 0; i < L; ++i) each[0][i] = static_cast<T>(l2[i]), each[1][i] = static_cast<T>(l1[i]);
  const Vec<T> square = Vec<T>::load(each[0]), absolute = Vec<T>::load(each[1]), zero = Vec<T>::zero();
  const Vec<T> half = Vec<T>::broadcast(T(0.5)) * square, one = Vec<T>::broadcast(T(1));
  for (int64_t c = 0; c < C; ++c) {
    Vec<T> sum = zero;
    for (int64_t k = 0; k < K; ++k) {
      const Vec<T> x = Vec<T>::load(w + (c * row + k) * L);
      const Vec<T> sign = select(x == zero, x, copysign(one, x));
      sum = fma(half * x, x, fma(absolute, abs(x), sum));
      fma(square, x, fma(absolute, sign, Vec<T>::load(g + (c * row + k) * L))).store(g + (c * row + k) * L);
    }
    add_to(value, sum);
  }
}


template <class T>
constexpr ModelBatchKernels<T> table() {
  return {
      .product = product<T>,
      .cross_entropy = cross_entropy<T>,
      .squares = squares<T>,
      .logits = logits<T>,
      .penalty = penalty<T>,
  };
}

}  // namespace
}  // namespace model_batch

constinit const ModelBatchKernels<float> kModelBatchF32 = model_batch::table<float>();
constinit const ModelBatchKernels<double> kModelBatchF64 = model_batch::table<double>();

}  // namespace nncore::NNCORE_ISA
