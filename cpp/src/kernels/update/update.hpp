/// Parameter updates, one kernel for each optimizer: n weights w change, the gradient g is read only, the other arrays
/// are the optimizer's state.
#pragma once

#include "kernels/table.hpp"

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

template <class T>
struct UpdateKernels {
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

  /// sgd and adam of a model batch (kernels/small_nets/model_batch.hpp), with the constants of each lane: as many steps
  /// as lanes. nesterov, first and eps_inside_sqrt, and whether there is momentum, are those of the first.
  void (*sgd_model_batch)(int64_t n, const SgdStep* steps, T* w, const T* g, T* velocity);
  void (*adam_model_batch)(int64_t n, const AdamStep* steps, T* w, const T* g, T* m, T* v, T* v_max);
};

}  // namespace nncore
