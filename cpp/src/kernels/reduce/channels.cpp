/// Sums and maps over arrays (N, C, L), channel by channel, for normalisation. With L = 1 a lane of a
/// register is a channel, with more the lanes run along the L numbers of one channel. Sums are in double; each channel
/// has its own, in an order given by N and L.
#include "kernels/groups.hpp"
#include "kernels/reduce/channels.hpp"
#include "kernels/simd/double_sum.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace channels {
namespace {

using Double = Vec<double>;

/// As many doubles as there are, zeros behind them.
template <class T>
NNCORE_INLINE Double load_doubles(const T* p, int64_t count) {
  if (count >= Double::lanes) return load_double(p);
  T some[Double::lanes] = {};
  for (int64_t i = 0; i < count; ++i) some[i] = p[i];
  return load_double(some);
}

NNCORE_INLINE void store_double(double* p, int64_t count, Double x) {
  if (count >= Double::lanes) x.store(p);
  else x.store(p, FirstLanes<double>(count));
}

// The terms that are added up: x, (x - center)^2, a (x - center).
template <class T>
struct Value {
  const T* x;
  NNCORE_INLINE Double operator()(int64_t at, int64_t count, Double) const { return load_doubles(x + at, count); }
};
template <class T>
struct Square {
  const T* x;
  NNCORE_INLINE Double operator()(int64_t at, int64_t count, Double center) const {
    const Double d = load_doubles(x + at, count) - center;
    return d * d;
  }
};
template <class T>
struct Product {
  const T *a, *x;
  NNCORE_INLINE Double operator()(int64_t at, int64_t count, Double center) const {
    return load_doubles(a + at, count) * (load_doubles(x + at, count) - center);
  }
};

/// L = 1: `registers` registers of channels, whose independent sums hide the latency of the addition.
template <int registers, class Term>
NNCORE_INLINE void sum_columns(int64_t N, int64_t count, int64_t ldx, Term term, const double* center, double* sums) {
  constexpr int L = Double::lanes;
  Double total[registers] = {}, mean[registers] = {};
  for (int r = 0; r < registers && center != nullptr; ++r) mean[r] = load_doubles(center + r * L, count - r * L);
  for (int64_t n = 0; n < N; ++n)
#pragma GCC unroll 4
    for (int r = 0; r < registers; ++r) total[r] = total[r] + term(n * ldx + r * L, count - r * L, mean[r]);
  for (int r = 0; r < registers; ++r) store_double(sums + r * L, count - r * L, total[r]);
}

/// The sum of one channel of L > 1 numbers a sample: four running sums, the rest under a mask.
template <class Term>
NNCORE_INLINE double sum_runs(int64_t N, int64_t L, int64_t ldx, Term term, Double center) {
  constexpr int lanes = Double::lanes, chains = 4;
  Double total[chains] = {};
  for (int64_t n = 0; n < N; ++n) {
    int64_t i = 0;
    for (; i + chains * lanes <= L; i += chains * lanes)
      for (int c = 0; c < chains; ++c) total[c] = total[c] + term(n * ldx + i + c * lanes, lanes, center);
    for (; i + lanes <= L; i += lanes) total[0] = total[0] + term(n * ldx + i, lanes, center);
    if (i == L) continue;
    const Mask<double> some = FirstLanes<double>(L - i).mask();
    total[1] = total[1] + select(some, term(n * ldx + i, L - i, center), Double::zero());
  }
  return sum((total[0] + total[1]) + (total[2] + total[3]));
}

/// A term of the channels from c on.
template <class T>
NNCORE_INLINE Value<T> moved(Value<T> t, int64_t by) { return {t.x + by}; }
template <class T>
NNCORE_INLINE Square<T> moved(Square<T> t, int64_t by) { return {t.x + by}; }
template <class T>
NNCORE_INLINE Product<T> moved(Product<T> t, int64_t by) { return {t.a + by, t.x + by}; }

template <class Term>
NNCORE_INLINE void sum_channels(int64_t N, int64_t C, int64_t L, int64_t ldx, Term term, const double* center,
                                double* sums) {
  const auto from = [=](int64_t c) { return center == nullptr ? center : center + c; };
  int64_t c = 0;
  if (L == 1) {
    constexpr int lanes = Double::lanes;
    for (; c + 4 * lanes <= C; c += 4 * lanes) sum_columns<4>(N, 4 * lanes, ldx, moved(term, c), from(c), sums + c);
    for (; c < C; c += lanes) sum_columns<1>(N, C - c, ldx, moved(term, c), from(c), sums + c);
  } else {
    for (; c < C; ++c) {
      sums[c] =
          sum_runs(N, L, ldx, moved(term, c * L), center == nullptr ? Double::zero() : Double::broadcast(center[c]));
    }
  }
}

template <class T>
void sums(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, double* out) {
  sum_channels(N, C, L, ldx, Value<T>{x}, nullptr, out);
}
template <class T>
void squares(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const double* center, double* out) {
  sum_channels(N, C, L, ldx, Square<T>{x}, center, out);
}
template <class T>
void products(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* a, const T* x, const double* center, double* out) {
  sum_channels(N, C, L, ldx, Product<T>{a, x}, center, out);
}

/// f(at, lanes, constants...) for every register of the array, each constant that of the channel.
template <class T, class F, class... Constant>
NNCORE_INLINE void each_channel(int64_t N, int64_t C, int64_t L, int64_t ldx, F f, const Constant*... constant) {
  for (int64_t n = 0; n < N; ++n) {
    if (L == 1) {
      each_register<T>(C, [=](int64_t i, auto lanes) { f(n * ldx + i, lanes, load(constant + i, lanes)...); });
      continue;
    }
    for (int64_t c = 0; c < C; ++c) {
      each_register<T>(L, [=](int64_t i, auto lanes) {
        f(n * ldx + c * L + i, lanes, Vec<T>::broadcast(constant + c)...);
      });
    }
  }
}

template <class T>
void affine(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const T* center, const T* scale,
                          const T* shift, T* y) {
  const auto one = [=](int64_t at, auto lanes, Vec<T> m, Vec<T> s, Vec<T> b) __attribute__((always_inline)) {
    store(y + at, lanes, fma(load(x + at, lanes) - m, s, b));
  };
  each_channel<T>(N, C, L, ldx, one, center, scale, shift);
}

template <class T>
void gradient(int64_t N, int64_t C, int64_t L, int64_t ldx, const T* x, const T* dy, const T* center,
                            const T* scale, const T* slope, const T* level, T* dx) {
  const auto one = [=](int64_t at, auto lanes, Vec<T> m, Vec<T> s, Vec<T> k, Vec<T> b) __attribute__((always_inline)) {
    store(dx + at, lanes, s * fnma(load(x + at, lanes) - m, k, load(dy + at, lanes) - b));
  };
  each_channel<T>(N, C, L, ldx, one, center, scale, slope, level);
}


template <class T>
constexpr ChannelKernels<T> table() {
  return {
      .sums = sums<T>,
      .squares = squares<T>,
      .products = products<T>,
      .affine = affine<T>,
      .gradient = gradient<T>,
  };
}

}  // namespace
}  // namespace channels

constinit const ChannelKernels<float> kChannelsF32 = channels::table<float>();
constinit const ChannelKernels<double> kChannelsF64 = channels::table<double>();

}  // namespace nncore::NNCORE_ISA
