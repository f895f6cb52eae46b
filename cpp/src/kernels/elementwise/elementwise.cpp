/// Elementwise functions and their derivatives over ranges.
#include "kernels/elementwise/activations.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace elementwise {
namespace {

template <class T>
struct Exp {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return exp(x); }
};

template <class T>
struct Log {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return log(x); }
};

/// F with its constants, if it has any.
template <template <class> class F, class T>
NNCORE_INLINE F<T> with_constants(const T* a) {
  if constexpr (requires { F<T>(a); }) return F<T>(a);
  else return F<T>{};
}

/// y = f(x).
template <class T, template <class> class F>
void map(int64_t n, const T* a, const T* x, T* y) {
  const F<T> f = with_constants<F>(a);
  each_register<T>(n, [=](int64_t i, auto lanes) { store(y + i, lanes, f.forward(load(x + i, lanes))); });
}

/// dx = dy f'(x) from y = f(x), or from x for those functions that take it.
template <class T, template <class> class F>
void map_backward(int64_t n, const T* a, const T* saved, const T* dy, T* dx) {
  const F<T> f = with_constants<F>(a);
  each_register<T>(n, [=](int64_t i, auto lanes) {
    store(dx + i, lanes, f.backward(load(saved + i, lanes), load(dy + i, lanes)));
  });
}

template <class T, template <class> class F>
constexpr ActivationKernels<T> activation() {
  return {map<T, F>, map_backward<T, F>};
}

template <class T>
constexpr ElementwiseKernels<T> table() {
  return {
#define NNCORE_ROW(name, functor) .name = activation<T, functor>(),
      NNCORE_ACTIVATION_KERNELS(NNCORE_ROW)
#undef NNCORE_ROW
      .exp = map<T, Exp>,
      .log = map<T, Log>,
  };
}

}  // namespace
}  // namespace elementwise

constinit const ElementwiseKernels<float> kElementwiseF32 = elementwise::table<float>();
constinit const ElementwiseKernels<double> kElementwiseF64 = elementwise::table<double>();

}  // namespace nncore::NNCORE_ISA
