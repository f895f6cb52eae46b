/// Elementwise functions and their derivatives over ranges.
#include "kernels/declarations.hpp"
#include "kernels/elementwise/activations.hpp"
#include "kernels/simd/each_register.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
struct Exp {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return exp(x); }
};

template <class T>
struct Log {
  NNCORE_INLINE Vec<T> forward(Vec<T> x) const { return log(x); }
};

/// y = f(x).
template <class T, class F>
NNCORE_INLINE void map_forward(F f, int64_t n, const T* x, T* y) {
  each_register<T>(n, [=](int64_t i, auto lanes) { store(y + i, lanes, f.forward(load(x + i, lanes))); });
}

/// dx = dy f'(x) from y = f(x), or from x for those functions that take it.
template <class T, class F>
NNCORE_INLINE void map_backward(F f, int64_t n, const T* saved, const T* dy, T* dx) {
  each_register<T>(n, [=](int64_t i, auto lanes) {
    store(dx + i, lanes, f.backward(load(saved + i, lanes), load(dy + i, lanes)));
  });
}

}  // namespace

void relu(int64_t n, const float*, const float* x, float* y) { map_forward(Relu<float>{}, n, x, y); }
void relu(int64_t n, const double*, const double* x, double* y) { map_forward(Relu<double>{}, n, x, y); }
void relu_backward(int64_t n, const float*, const float* y, const float* dy, float* dx) {
  map_backward(Relu<float>{}, n, y, dy, dx);
}
void relu_backward(int64_t n, const double*, const double* y, const double* dy, double* dx) {
  map_backward(Relu<double>{}, n, y, dy, dx);
}

void leaky_relu(int64_t n, const float* a, const float* x, float* y) {
  map_forward(LeakyRelu<float>{Vec<float>::broadcast(a)}, n, x, y);
}
void leaky_relu(int64_t n, const double* a, const double* x, double* y) {
  map_forward(LeakyRelu<double>{Vec<double>::broadcast(a)}, n, x, y);
}
void leaky_relu_backward(int64_t n, const float* a, const float* y, const float* dy, float* dx) {
  map_backward(LeakyRelu<float>{Vec<float>::broadcast(a)}, n, y, dy, dx);
}
void leaky_relu_backward(int64_t n, const double* a, const double* y, const double* dy, double* dx) {
  map_backward(LeakyRelu<double>{Vec<double>::broadcast(a)}, n, y, dy, dx);
}

void tanh(int64_t n, const float*, const float* x, float* y) { map_forward(Tanh<float>{}, n, x, y); }
void tanh(int64_t n, const double*, const double* x, double* y) { map_forward(Tanh<double>{}, n, x, y); }
void tanh_backward(int64_t n, const float*, const float* y, const float* dy, float* dx) {
  map_backward(Tanh<float>{}, n, y, dy, dx);
}
void tanh_backward(int64_t n, const double*, const double* y, const double* dy, double* dx) {
  map_backward(Tanh<double>{}, n, y, dy, dx);
}

void sigmoid(int64_t n, const float*, const float* x, float* y) { map_forward(Sigmoid<float>{}, n, x, y); }
void sigmoid(int64_t n, const double*, const double* x, double* y) { map_forward(Sigmoid<double>{}, n, x, y); }
void sigmoid_backward(int64_t n, const float*, const float* y, const float* dy, float* dx) {
  map_backward(Sigmoid<float>{}, n, y, dy, dx);
}
void sigmoid_backward(int64_t n, const double*, const double* y, const double* dy, double* dx) {
  map_backward(Sigmoid<double>{}, n, y, dy, dx);
}

void elu(int64_t n, const float* a, const float* x, float* y) { map_forward(Elu<float>(a), n, x, y); }
void elu(int64_t n, const double* a, const double* x, double* y) { map_forward(Elu<double>(a), n, x, y); }
void elu_backward(int64_t n, const float* a, const float* x, const float* dy, float* dx) {
  map_backward(Elu<float>(a), n, x, dy, dx);
}
void elu_backward(int64_t n, const double* a, const double* x, const double* dy, double* dx) {
  map_backward(Elu<double>(a), n, x, dy, dx);
}

void softplus(int64_t n, const float* a, const float* x, float* y) { map_forward(Softplus<float>(a), n, x, y); }
void softplus(int64_t n, const double* a, const double* x, double* y) { map_forward(Softplus<double>(a), n, x, y); }
void softplus_backward(int64_t n, const float* a, const float* x, const float* dy, float* dx) {
  map_backward(Softplus<float>(a), n, x, dy, dx);
}
void softplus_backward(int64_t n, const double* a, const double* x, const double* dy, double* dx) {
  map_backward(Softplus<double>(a), n, x, dy, dx);
}

void silu(int64_t n, const float*, const float* x, float* y) { map_forward(Silu<float>{}, n, x, y); }
void silu(int64_t n, const double*, const double* x, double* y) { map_forward(Silu<double>{}, n, x, y); }
void silu_backward(int64_t n, const float*, const float* x, const float* dy, float* dx) {
  map_backward(Silu<float>{}, n, x, dy, dx);
}
void silu_backward(int64_t n, const double*, const double* x, const double* dy, double* dx) {
  map_backward(Silu<double>{}, n, x, dy, dx);
}

void gelu(int64_t n, const float*, const float* x, float* y) { map_forward(Gelu<float>{}, n, x, y); }
void gelu(int64_t n, const double*, const double* x, double* y) { map_forward(Gelu<double>{}, n, x, y); }
void gelu_backward(int64_t n, const float*, const float* x, const float* dy, float* dx) {
  map_backward(Gelu<float>{}, n, x, dy, dx);
}
void gelu_backward(int64_t n, const double*, const double* x, const double* dy, double* dx) {
  map_backward(Gelu<double>{}, n, x, dy, dx);
}

void gelu_tanh(int64_t n, const float*, const float* x, float* y) { map_forward(GeluTanh<float>{}, n, x, y); }
void gelu_tanh(int64_t n, const double*, const double* x, double* y) { map_forward(GeluTanh<double>{}, n, x, y); }
void gelu_tanh_backward(int64_t n, const float*, const float* x, const float* dy, float* dx) {
  map_backward(GeluTanh<float>{}, n, x, dy, dx);
}
void gelu_tanh_backward(int64_t n, const double*, const double* x, const double* dy, double* dx) {
  map_backward(GeluTanh<double>{}, n, x, dy, dx);
}

void exp(int64_t n, const float*, const float* x, float* y) { map_forward(Exp<float>{}, n, x, y); }
void exp(int64_t n, const double*, const double* x, double* y) { map_forward(Exp<double>{}, n, x, y); }

void log(int64_t n, const float*, const float* x, float* y) { map_forward(Log<float>{}, n, x, y); }
void log(int64_t n, const double*, const double* x, double* y) { map_forward(Log<double>{}, n, x, y); }

}  // namespace nncore::NNCORE_ISA
