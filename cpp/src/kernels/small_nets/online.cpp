/// Steps of one sample each, many in a call: a step of a small net takes less time than one call for each of its
/// layers. Lanes run along outputs or inputs, whichever a layer has more of.
#include "kernels/elementwise/activations.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/shuffle.hpp"
#include "kernels/small_nets/online.hpp"

namespace nncore::NNCORE_ISA {
namespace online {
namespace {

/// Loads and stores of vectors that are padded to whole registers, or (padded = false) follow one another.
template <class T, bool padded>
struct PaddedVector {
  static constexpr int64_t L = Vec<T>::lanes;
  NNCORE_INLINE static int64_t length(int64_t n) { return padded ? (n + L - 1) / L * L : n; }
  NNCORE_INLINE static Vec<T> load(const T* p, int64_t left) {
    return padded || left >= L ? Vec<T>::load(p) : Vec<T>::load(p, FirstLanes<T>(left));
  }
  NNCORE_INLINE static void store(Vec<T> x, T* p, int64_t left) {
    if (padded || left >= L) x.store(p);
    else x.store(p, FirstLanes<T>(left));
  }
};

/// 16 bytes of results: the sums of the lanes of as many registers, by neighbours, then across the 16-byte parts.
template <class T>
NNCORE_INLINE Part<T> part_sums(const Vec<T>* a) {
  const auto add = [](auto x, auto y) __attribute__((always_inline)) { return x + y; };
  Vec<T> joined = lower_pairs(a[0], a[1]) + upper_pairs(a[0], a[1]);
  if constexpr (sizeof(T) == 4) {
    const Vec<T> other = lower_pairs(a[2], a[3]) + upper_pairs(a[2], a[3]);
    joined = lower_halves(joined, other) + upper_halves(joined, other);
  }
  return fold_parts(joined, add);
}

/// A step's gradient: applied at once (descent), or stored for the `update` callback.
template <class T, bool descent>
struct Gradient {
  Vec<T> rate, seen;  ///< seen: 0, or NaN after a gradient that was not finite
  NNCORE_INLINE void take(Vec<T> g, Vec<T> w, T* to_w, T* to_g, int64_t left) {
    if constexpr (descent) {
      seen = fma(g, Vec<T>::zero(), seen);
      PaddedVector<T, true>::store(fnma(rate, g, w), to_w, left);
    } else {
      PaddedVector<T, false>::store(g, to_g, left);
    }
  }
};

/// z = W x + b, or relu of it.
template <class T, bool padded>
NNCORE_INLINE void affine(const OnlineLayer<T>& l, const T* x, bool with_relu) {
  using R = PaddedVector<T, padded>;
  constexpr int64_t L = R::L;
  const int64_t K = l.K, C = l.C;
  if (l.outputs_in_lanes) {
    const int64_t ld = R::length(C);
    for (int64_t c = 0; c < C; c += L) {
      Vec<T> even = l.b ? R::load(l.b + c, C - c) : Vec<T>::zero(), odd = Vec<T>::zero();
      int64_t k = 0;
      for (; k + 2 <= K; k += 2) {
        even = fma(Vec<T>::broadcast(x + k), R::load(l.w + k * ld + c, C - c), even);
        odd = fma(Vec<T>::broadcast(x + k + 1), R::load(l.w + (k + 1) * ld + c, C - c), odd);
      }
      if (k < K) even = fma(Vec<T>::broadcast(x + k), R::load(l.w + k * ld + c, C - c), even);
      const Vec<T> z = even + odd;
      (with_relu ? Relu<T>{}.forward(z) : z).store(l.z + c);
    }
    return;
  }
  constexpr int64_t P = 16 / static_cast<int64_t>(sizeof(T));
  const int64_t ld = R::length(K);
  for (int64_t c = 0; c < C; c += P) {
    Vec<T> total[P];
#pragma GCC unroll 4
    for (int64_t i = 0; i < P; ++i) total[i] = Vec<T>::zero();
    for (int64_t k = 0; k < K; k += L) {
      const Vec<T> input = Vec<T>::load(x + k);
#pragma GCC unroll 4
      for (int64_t i = 0; i < P; ++i)
        if (c + i < C) total[i] = fma(input, R::load(l.w + (c + i) * ld + k, K - k), total[i]);
    }
    Part<T> sums = part_sums(total), bias{};
    if (l.b && padded) {
      __builtin_memcpy(&bias, l.b + c, sizeof bias);
    } else if (l.b) {
#pragma GCC unroll 4
      for (int64_t i = 0; i < P; ++i)
        if (c + i < C) bias[i] = l.b[c + i];
    }
    sums += bias;
    if (with_relu) sums = sums < 0 ? Part<T>{} : sums;  // NaN stays
    __builtin_memcpy(l.z + c, &sums, sizeof sums);
  }
}

/// dW = dz x^T, db = dz, dx = W^T dz unless dx is null; or the gradient of what x is the relu of.
template <class T, bool padded>
NNCORE_INLINE void affine_backward(const OnlineLayer<T>& l, const T* x, T* dx, bool x_is_relu,
                                   Gradient<T, padded>& gradient) {
  using R = PaddedVector<T, padded>;
  constexpr int64_t L = R::L;
  const int64_t K = l.K, C = l.C, ld = R::length(l.outputs_in_lanes ? C : K);
  if (l.b)
    for (int64_t c = 0; c < C; c += L)
      gradient.take(Vec<T>::load(l.dy + c), R::load(l.b + c, C - c), l.b + c, l.db + c, C - c);
  if (l.outputs_in_lanes) {
    for (int64_t k = 0; k < K; ++k) {
      const Vec<T> input = Vec<T>::broadcast(x + k);
      Vec<T> total = Vec<T>::zero();
      for (int64_t c = 0; c < C; c += L) {
        const Vec<T> dz = Vec<T>::load(l.dy + c), w = R::load(l.w + k * ld + c, C - c);
        if (dx) total = fma(dz, w, total);
        gradient.take(input * dz, w, l.w + k * ld + c, l.dw + k * ld + c, C - c);
      }
      if (dx) dx[k] = x_is_relu && x[k] <= 0 ? T(0) : sum(total);
    }
    return;
  }
  for (int64_t k = 0; k < K; k += L) {
    const Vec<T> input = Vec<T>::load(x + k);
    Vec<T> total = Vec<T>::zero();
    for (int64_t c = 0; c < C; ++c) {
      const Vec<T> dz = Vec<T>::broadcast(l.dy + c), w = R::load(l.w + c * ld + k, K - k);
      total = fma(dz, w, total);
      gradient.take(input * dz, w, l.w + c * ld + k, l.dw + c * ld + k, K - k);
    }
    if (dx) (x_is_relu ? Relu<T>{}.backward(input, total) : total).store(dx + k);
  }
}

/// dz = softmax(z) - onehot(label).
template <class T>
NNCORE_INLINE void cross_entropy_gradient(int64_t C, const T* z, int64_t label, T* dz) {
  constexpr int64_t L = Vec<T>::lanes;
  if (C == 2) {
    // without a branch, which would be mispredicted half of the time
    const T y1 = T(1) / (T(1) + exp(Vec<T>::broadcast(z[0] - z[1])).v[0]);
    dz[1] = y1 - static_cast<T>(label);
    dz[0] = -dz[1];
    return;
  }
  const Vec<T> lowest = Vec<T>::broadcast(static_cast<T>(-__builtin_inf()));
  Vec<T> m = lowest, total = Vec<T>::zero();
  for (int64_t c = 0; c < C; c += L) m = max(m, Vec<T>::load(z + c, FirstLanes<T>(C - c < L ? C - c : L), lowest));
  m = Vec<T>::broadcast(largest(m));
  for (int64_t c = 0; c < C; c += L) {
    const Vec<T> e = exp(Vec<T>::load(z + c, FirstLanes<T>(C - c < L ? C - c : L), lowest) - m);
    total = total + e;
    e.store(dz + c);
  }
  const Vec<T> factor = Vec<T>::broadcast(T(1) / sum(total));
  for (int64_t c = 0; c < C; c += L) (Vec<T>::load(dz + c) * factor).store(dz + c);
  dz[label] -= T(1);
}

template <class T, bool descent>
int64_t steps_of(const OnlineRun<T>& run, int64_t steps) {
  const OnlineLayer<T>* const layers = run.layers;
  const OnlineLayer<T>& last = layers[run.n_layers - 1];
  Gradient<T, descent> gradient{Vec<T>::zero(), Vec<T>::zero()};
  for (int64_t step = 0; step < steps; ++step) {
    const T* const sample = run.x + step * layers[0].K;
    const T* x = sample;
    for (const OnlineLayer<T>* l = layers; l <= &last; x = l->y, ++l) {
      affine<T, descent>(*l, x, l->relu);
      if (l->forward && !l->relu) l->forward(l->C, l->a, l->z, l->y);  // zeros stay behind the results
    }
    for (int64_t c = 0; c < last.C; ++c) run.outputs[step * last.C + c] = last.y[c];
    if (run.labels) cross_entropy_gradient(last.C, last.y, run.labels[step], last.dy);
    else run.loss(run.context, step, last.y, last.dy);
    if constexpr (descent) gradient.rate = Vec<T>::broadcast(run.rates[step]);
    for (const OnlineLayer<T>* l = &last; l >= layers; --l) {
      const bool first = l == layers;
      // affine_backward of the layer above has done it for relu
      if (l->forward && (!l->relu || l == &last)) {
        l->backward(l->C, l->a, l->from_z ? l->z : l->y, l->dy, l->dy);
      }
      affine_backward(*l, first ? sample : l[-1].y, first ? nullptr : l[-1].dy,
                      !first && l[-1].relu, gradient);
    }
    if (!descent && !run.update(run.context, step)) return step;
  }
  const Vec<T> zero = Vec<T>::zero();
  return all(gradient.seen == zero) ? steps : -1;
}


template <class T>
int64_t run(const OnlineRun<T>& given, int64_t steps) {
  return given.rates ? steps_of<T, true>(given, steps) : steps_of<T, false>(given, steps);
}

template <class T>
constexpr OnlineKernels<T> table() {
  return {
      .run = run<T>,
  };
}

}  // namespace
}  // namespace online

constinit const OnlineKernels<float> kOnlineF32 = online::table<float>();
constinit const OnlineKernels<double> kOnlineF64 = online::table<double>();

}  // namespace nncore::NNCORE_ISA
