/// The one door to the kernels: pure functions on pointers and sizes, compiled once per instruction set and
/// chosen when the library is loaded. No kernel allocates, throws, starts a thread or knows of a layer.
///
/// Conventions. Sizes and strides count elements. An elementwise kernel may work in place (output = input).
/// Each element's result depends on its value alone, never on its position, so a range may be cut anywhere
/// without changing a bit. Sums run in an order fixed by the sizes.
#pragma once

#include <cstdint>

#include "kernels/conv/conv_table.hpp"
#include "kernels/small_nets/online.hpp"

namespace nncore {

/// One step of stochastic gradient descent; `first` says that the velocity has not been set yet.
struct SgdStep {
  double rate, momentum, dampening, weight_decay;
  bool nesterov, first;
};

/// One step of Adam. correction1 = 1 - beta1^t and correction2 = 1 - beta2^t (1 without bias correction). `shrink`
/// multiplies w before the step: weight decay that does not pass through the gradient; 1 for none.
struct AdamStep {
  double rate, beta1, beta2, eps, weight_decay, shrink, correction1, correction2;
  bool eps_inside_sqrt;
};

struct RMSpropStep {
  double rate, alpha, eps, weight_decay, momentum;
};
struct AdagradStep {
  double rate, eps, weight_decay;
};
struct AdadeltaStep {
  double rate, rho, eps, weight_decay;
};
struct AdamaxStep {
  double size, beta1, beta2, eps, weight_decay;  ///< size = rate / (1 - beta1^t)
};
struct NAdamStep {
  double gradient_size, mean_size, beta1, beta2, eps, weight_decay, shrink, correction2;
};
struct RAdamStep {
  double size, beta1, beta2, eps, weight_decay, shrink;
  bool rectified;  ///< divide by sqrt(v) + eps
};
struct LionStep {
  double rate, beta1, beta2, shrink;
};

/// Which random words: those of a Stream (nncore/rng.hpp).
struct RandomWords {
  uint32_t key[2], epoch, step;
};

/// Of the finite numbers of a range; the counts are of all.
struct RangeSummary {
  double min, max, sum;  ///< inf, -inf, 0 where none is finite
  double zeros, nonfinite, outside;  ///< how many
};

/// Tables a histogram is counted in: equal neighbours, of which there are many, would wait for one another.
inline constexpr int kCountTables = 4;

/// An element of a row of a sparse matrix: term `at` of a chunk of a sum.
template <class T>
struct Nonzero {
  T value;
  int32_t at;
};
/// Terms in a chunk, and registers in a row of a wide panel: what goes with each chunk is 32 KiB at most, and so stays
/// in the first cache.
inline constexpr int64_t kSparseChunk = 64, kWidePanel = 8;

/// Neighbours in memory: `length` elements from element `from` on.
struct Run {
  int64_t from, length;
};

/// Models in lanes (see models_product): M rows, N columns, R terms, and how many registers they lie apart.
struct ModelsProduct {
  int64_t M, N, R;
  int64_t a_row, a_term, b_row, b_term, c_row, c_column;
  bool add;   ///< to what is there
  bool relu;  ///< of the result
};
/// S samples (at most 8) of C outputs, which lie `row` registers apart.
struct ModelsOutputs {
  int64_t S, C, row;
};

template <class T>
struct Kernels {
  const char* isa;  ///< "baseline", "avx2" or "avx512"
  int64_t lanes;    ///< elements in one vector register
  int64_t panel;    ///< columns in one panel of packed weights, a multiple of `lanes`

  // ---- Products with packed weights -------------------------------------------------------------------------
  // W^T of shape (K, N) is packed as panels of `panel` columns: panel p holds columns [p*panel, min(N, (p+1)*panel))
  // and starts at element p*panel*K; inside it the K rows follow one another without padding, so a panel of
  // `width` columns has `width` elements a row, and all panels together have K*N elements: a permutation of W.
  // The order of every sum follows from N and K alone (ascending; column_sums: by rows modulo 2 or 4, then these sums;
  // gemm_dx of wide layers: by lanes, then across lanes in a fixed tree), so a row or column of the result does not
  // depend on how the others are cut into calls.

  /// y[m, j] = bias[j] + sum_k x[m, k] b[k, j] for one panel: m < M, j < width <= panel. bias may be null (zeros).
  void (*gemm_forward)(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* b, const T* bias, T* y,
                       int64_t ldy);
  /// dw[k, j] = sum_m x[m, k] dy[m, j] for one panel, k < K, j < width: dw is contiguous (K, width), assigned.
  void (*gemm_dw)(int64_t M, int64_t width, int64_t K, const T* x, int64_t ldx, const T* dy, int64_t lddy, T* dw);
  /// dx[m, k] = sum_j dy[m, j] b[k, j] over all N columns of all panels, for m < M and k0 <= k < k1 out of K rows.
  /// dx points at column 0 of row 0; only columns k0..k1-1 are written.
  void (*gemm_dx)(int64_t M, int64_t N, int64_t K, int64_t k0, int64_t k1, const T* dy, int64_t lddy, const T* b,
                  T* dx, int64_t lddx);
  /// y[m, c] = bias[c] + sum_k x[m, k] w[c, k] with w (C, K) in panels of `panel` columns k, as above but of W instead of
  /// W^T; panel = K: as it is. By lanes of k, then across lanes in a fixed tree, which K alone decides. bias may be null.
  void (*gemm_rows)(int64_t M, int64_t C, int64_t K, int64_t panel, const T* x, int64_t ldx, const T* w, const T* bias,
                    T* y, int64_t ldy);
  /// c[r, j] = start + sum_l a[r, l] b[l, j], r < R, j < width <= kWidePanel registers, in ascending order of l; start =
  /// c[r, j] if `add`, else 0. The nonzeros of row r of a begin at a + r * lda, those meant here are numbers ends[0] to
  /// ends[1] of them, at ends + r * lde; what is left out counts as 0, whatever b is. `soon`, unless null, is the b of
  /// the next call, to be fetched by the way.
  void (*sparse_product)(int64_t R, const int32_t* ends, int64_t lde, const Nonzero<T>* a, int64_t lda, int64_t width,
                         const T* b, int64_t ldb, bool add, T* c, int64_t ldc, const T* soon);
  /// The same with all of a: (R, L), or with `columns` its transpose, (L, R).
  void (*gemm_part)(bool columns, int64_t R, int64_t L, int64_t width, const T* a, int64_t lda, const T* b, int64_t ldb,
                    bool add, T* c, int64_t ldc);
  /// gemm_rows for some results alone: y[m, c] for the numbers m that list c has, c < C, as sparse_product has them, whose
  /// values do not matter. x (M, K) comes in panels, too; sums is room for M * C registers.
  void (*listed_rows)(int64_t M, int64_t C, int64_t K, int64_t panel, const int32_t* ends, int64_t lde,
                      const Nonzero<T>* list, int64_t ldl, const T* x, const T* w, const T* bias, T* sums, T* y,
                      int64_t ldy);
  /// out[j] = sum_m x[m, j], j < N.
  void (*column_sums)(int64_t M, int64_t N, const T* x, int64_t ldx, T* out);

  /// One panel of a convolution's columns, for the products above: out[l, .] = the runs of x + offset[l], one after the
  /// other, l < L, `width` elements in all. Reads and writes up to lanes - 1 elements beyond what it is asked for.
  void (*columns)(int64_t L, int64_t width, const int64_t* offset, int64_t runs, const Run* run, const T* x, T* out);

  /// y[i] = start + sum_l w[l] x[offset[l] + i], i < n, in ascending order: a convolution of one row of weights.
  void (*correlate)(int64_t n, int64_t L, T start, const T* w, const int64_t* offset, const T* x, T* y);

  // ---- Products with samples in lanes ------------------------------------------------------------------------
  // Arrays (F, ld): one row of samples for each feature, ld a multiple of `lanes`; N <= ld too, and what pads the
  // samples to N has zero gradients. Weights w (C, K) in their natural layout. Sums over samples run by lanes, then
  // across lanes in a fixed tree; the others in ascending order.

  /// y[c, n] = bias[c] + sum_k w[c, k] x[k, n]; bias may be null (zeros).
  void (*lanes_forward)(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* w, const T* bias, T* y);
  /// dx[k, n] = sum_c w[c, k] dy[c, n].
  void (*lanes_dx)(int64_t N, int64_t C, int64_t K, int64_t ld, const T* dy, const T* w, T* dx);
  /// dw[c, k] = sum_n dy[c, n] x[k, n] and db[c] = sum_n dy[c, n], assigned.
  void (*lanes_dw)(int64_t N, int64_t C, int64_t K, int64_t ld, const T* x, const T* dy, T* dw);
  void (*lanes_db)(int64_t N, int64_t C, int64_t ld, const T* dy, T* db);
  /// (N, F) to (F, ld), with zeros up to the next multiple of `lanes`; and back. Here N is any number.
  void (*to_lanes)(int64_t N, int64_t F, const T* x, int64_t ld, T* y);
  void (*from_lanes)(int64_t N, int64_t F, const T* x, int64_t ld, T* y);

  // ---- Steps of one sample each ------------------------------------------------------------------------------
  /// Learns from so many samples, one after the other; how many steps were done before a gradient was not finite, or
  /// -1 where that is known only of all of them together (with rates).
  int64_t (*online)(const OnlineRun<T>& run, int64_t steps);

  // ---- Elementwise functions: y = f(x) and dx = dy * f'(x), f' taken from the saved output y ---------------
  // `a` points at the function's constants (leaky_relu: the slope); null where there are none.
  using Forward = void (*)(int64_t n, const T* a, const T* x, T* y);
  using Backward = void (*)(int64_t n, const T* a, const T* y, const T* dy, T* dx);
  Forward relu, leaky_relu, tanh, sigmoid;
  Backward relu_backward, leaky_relu_backward, tanh_backward, sigmoid_backward;
  // These take f' from x: their derivative is not known from y, or not to all digits.
  Forward elu, softplus, silu, gelu, gelu_tanh;  ///< constants: elu {alpha}, softplus {beta, threshold}
  Backward elu_backward, softplus_backward, silu_backward, gelu_backward, gelu_tanh_backward;  ///< (n, a, x, dy, dx)
  Forward exp, log;  ///< <= 2 ulp, with the right values at 0, negative numbers, inf and NaN

  /// y = scale x for those of the elements first, first + 1, … whose word is not below `least`, 0 for the others.
  void (*dropout)(int64_t first, int64_t n, const RandomWords& random, uint32_t least, T scale, const T* x, T* y);

  // ---- Softmax over rows of C contiguous elements ------------------------------------------------------------
  void (*softmax)(int64_t rows, int64_t C, const T* z, T* y);
  void (*log_softmax)(int64_t rows, int64_t C, const T* z, T* y);
  void (*softmax_backward)(int64_t rows, int64_t C, const T* y, const T* dy, T* dz);
  void (*log_softmax_backward)(int64_t rows, int64_t C, const T* y, const T* dy, T* dz);
  /// Sum over the rows of -log softmax(z)[label], in double; dz (unless null) = scale * (softmax(z) - onehot(label)).
  double (*softmax_cross_entropy)(int64_t rows, int64_t C, const T* z, const int64_t* labels, T scale, T* dz);
  /// values[row] = -log softmax(z)[label].
  void (*cross_entropy_values)(int64_t rows, int64_t C, const T* z, const int64_t* labels, double* values);

  // ---- Arrays (N, C, L) channel by channel; samples are ldx apart, the L numbers of a channel contiguous -------
  // Each channel is computed alone: cutting C into calls changes no bit. Sums are in double.
  /// sums[c] = sum over n, l of x; of (x - center[c])^2; of a (x - center[c]).
  void (*channel_sums)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, double* sums);
  void (*channel_squares)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const double* center, double* sums);
  void (*channel_products)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* a, const T* x, const double* center,
                           double* sums);
  /// y = (x - center[c]) * scale[c] + shift[c]; y may be x.
  void (*channel_affine)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const T* center, const T* scale,
                         const T* shift, T* y);
  /// dx = scale[c] * (dy - level[c] - slope[c] * (x - center[c])); dx may be dy.
  void (*channel_gradient)(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const T* dy, const T* center,
                           const T* scale, const T* slope, const T* level, T* dx);

  // ---- Parameter updates: w changes, g is read only ---------------------------------------------------------
  /// velocity may be null when momentum is 0. PyTorch's SGD: g' = g + weight_decay w; v = momentum v + (1 -
  /// dampening) g' (v = g' on the first step); w -= rate (nesterov ? g' + momentum v : v).
  void (*sgd)(int64_t n, const SgdStep& step, T* w, const T* g, T* velocity);
  /// m, v as in Kingma and Ba; v_max (AMSGrad) may be null. PyTorch's Adam: w -= rate / correction1 * m /
  /// (sqrt(v / correction2) + eps), or sqrt(v / correction2 + eps) with eps_inside_sqrt.
  void (*adam)(int64_t n, const AdamStep& step, T* w, const T* g, T* m, T* v, T* v_max);
  // In all that follow g' = g + weight_decay w, and w is multiplied by `shrink` first where there is one.
  /// v = alpha v + (1 - alpha) g'^2, mean = alpha mean + (1 - alpha) g', d = g' / (sqrt(v - mean^2) + eps);
  /// buffer = momentum buffer + d; w -= rate buffer. Without mean (null): sqrt(v); without buffer (null): w -= rate d.
  void (*rmsprop)(int64_t n, const RMSpropStep& step, T* w, const T* g, T* v, T* buffer, T* mean);
  /// sum += g'^2; w -= rate g' / (sqrt(sum) + eps).
  void (*adagrad)(int64_t n, const AdagradStep& step, T* w, const T* g, T* sum);
  /// v = rho v + (1 - rho) g'^2; d = sqrt(u + eps) / sqrt(v + eps) g'; u = rho u + (1 - rho) d^2; w -= rate d.
  void (*adadelta)(int64_t n, const AdadeltaStep& step, T* w, const T* g, T* v, T* u);
  /// m as in Adam; u = max(beta2 u, |g'| + eps); w -= size m / u.
  void (*adamax)(int64_t n, const AdamaxStep& step, T* w, const T* g, T* m, T* u);
  /// m, v as in Adam; w -= (gradient_size g' + mean_size m) / (sqrt(v / correction2) + eps).
  void (*nadam)(int64_t n, const NAdamStep& step, T* w, const T* g, T* m, T* v);
  /// m, v as in Adam; w -= size m / (sqrt(v) + eps), or size m while not rectified.
  void (*radam)(int64_t n, const RAdamStep& step, T* w, const T* g, T* m, T* v);
  /// w -= rate sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g. sign(NaN) = NaN.
  void (*lion)(int64_t n, const LionStep& step, T* w, const T* g, T* m);

  // ---- Pooling: one tap of a row of windows that are `stride` apart ----------------------------------------------
  /// Where x[i * stride] > best[i] or is NaN: best[i] is it and at[i], unless at is null, is index + i * stride.
  void (*pool_max)(int64_t n, int64_t stride, const T* x, int32_t index, T* best, int32_t* at);
  void (*pool_sum)(int64_t n, int64_t stride, const T* x, T* y);     ///< y[i] += x[i * stride]
  void (*pool_spread)(int64_t n, int64_t stride, const T* x, T* y);  ///< y[i * stride] += x[i]

  // ---- Models in lanes ----------------------------------------------------------------------------------------
  // A number stands for one register: the same number of `lanes` models. Nothing crosses lanes. Losses and penalties
  // are added to one double for each lane.

  /// c[m, n] = sum_r a[m, r] b[n, r], in ascending order; then 0 where gate[m, n] <= 0. gate lies as c, or is null.
  void (*models_product)(const ModelsProduct& p, const T* a, const T* b, const T* gate, T* c);
  /// z and dz (C, row), y likewise or, for labels, (1, row): loss += the sum over samples and outputs, right += how
  /// many are classified right, dz = scale * the derivative of the sum.
  using ModelsLoss = void (*)(const ModelsOutputs& p, T scale, const T* z, const T* y, T* dz, double* loss,
                              double* right);
  ModelsLoss models_cross_entropy, models_squares, models_logits;
  /// C rows of K weights, `row` registers apart: g += l2 w + l1 sign(w), value += l2/2 |w|^2 + l1 |w|_1; l2, l1 by lanes.
  void (*models_penalty)(int64_t C, int64_t K, int64_t row, const double* l2, const double* l1, const T* w, T* g,
                         double* value);
  /// sgd and adam with the constants of each lane; nesterov, first and eps_inside_sqrt, and whether there is momentum,
  /// as in the first.
  void (*models_sgd)(int64_t n, const SgdStep* steps, T* w, const T* g, T* velocity);
  void (*models_adam)(int64_t n, const AdamStep* steps, T* w, const T* g, T* m, T* v, T* v_max);

  // ---- Reductions and small helpers -------------------------------------------------------------------------
  double (*sum_squares)(int64_t n, const T* x);   ///< in double
  double (*sum_absolute)(int64_t n, const T* x);  ///< in double
  bool (*all_finite)(int64_t n, const T* x);
  RangeSummary (*summarize)(int64_t n, const T* x, double low, double high);  ///< outside: x < low or x > high
  double (*squares)(int64_t n, const T* x, double center);           ///< sum of (x - center)^2 of the finite ones
  /// ++counts[min(floor((x - low) * factor), bins - 1)] in any of kCountTables tables of bins + 1; the last bin of each
  /// gets whatever is not finite and says nothing.
  void (*histogram)(int64_t n, const T* x, double low, double factor, int64_t bins, int64_t* counts);
  void (*add)(int64_t n, const T* x, T* y);       ///< y += x
  /// g += l2 * w + l1 * sign(w), the gradient of l2/2 |w|^2 + l1 |w|_1.
  void (*add_penalty)(int64_t n, T l2, T l1, const T* w, T* g);
  /// y[j] = (x[j] - mean[j * step]) * inverse_std[j * step]; step 0 (one number for all) or 1. From bytes and numbers.
  void (*normalize_u8)(int64_t n, const uint8_t* x, const T* mean, const T* inverse_std, int64_t step, T* y);
  void (*normalize)(int64_t n, const T* x, const T* mean, const T* inverse_std, int64_t step, T* y);

  // ---- The machine ---------------------------------------------------------------------------------------------
  /// `rounds` times s = 0.9999 s + 0.0001 in each lane of twelve registers, which begin at 0 … 11, without touching
  /// memory; out[0 … lanes) is their sum. Returns the floating-point operations of the rounds.
  double (*fma_probe)(int64_t rounds, T* out);

  ConvKernels<T> conv;
};

/// The kernel set in use, chosen once: the best the CPU has, or the one named by the environment variable NNCORE_ISA.
template <class T>
const Kernels<T>& kernels();

/// n elements with the padding that whole registers need.
template <class T>
int64_t whole_registers(int64_t n) {
  const int64_t lanes = kernels<T>().lanes;
  return (n + lanes - 1) / lanes * lanes;
}

}  // namespace nncore
