/// The kernels of one instruction set, so that table.cpp can put them together.
///
/// Every kernel is a pair of overloads, one for float and one for double, with exactly the types of its entry in
/// table.hpp. A kernel file writes the body once, as a template in an anonymous namespace, and ends with the two
/// overloads that call it. They are overloads and not explicit instantiations because those make weak symbols, and
/// weak symbols may be merged across files; a name or type that does not match the table fails to link.
#pragma once

#include "kernels/table.hpp"

namespace nncore::NNCORE_ISA {

template <class Pointer>
struct Pointee;
template <class Function>
struct Pointee<Function*> {
  using type = Function;
};

#define NNCORE_KERNEL(name)                             \
  Pointee<decltype(Kernels<float>::name)>::type name;   \
  Pointee<decltype(Kernels<double>::name)>::type name

NNCORE_KERNEL(gemm_forward);
NNCORE_KERNEL(gemm_dw);
NNCORE_KERNEL(gemm_dx);
NNCORE_KERNEL(gemm_rows);
NNCORE_KERNEL(sparse_product);
NNCORE_KERNEL(gemm_part);
NNCORE_KERNEL(listed_rows);
NNCORE_KERNEL(column_sums);
NNCORE_KERNEL(columns);
NNCORE_KERNEL(correlate);

NNCORE_KERNEL(lanes_forward);
NNCORE_KERNEL(lanes_dx);
NNCORE_KERNEL(lanes_dw);
NNCORE_KERNEL(lanes_db);
NNCORE_KERNEL(to_lanes);
NNCORE_KERNEL(from_lanes);

NNCORE_KERNEL(online);

NNCORE_KERNEL(relu);
NNCORE_KERNEL(leaky_relu);
NNCORE_KERNEL(tanh);
NNCORE_KERNEL(sigmoid);
NNCORE_KERNEL(relu_backward);
NNCORE_KERNEL(leaky_relu_backward);
NNCORE_KERNEL(tanh_backward);
NNCORE_KERNEL(sigmoid_backward);
NNCORE_KERNEL(elu);
NNCORE_KERNEL(softplus);
NNCORE_KERNEL(silu);
NNCORE_KERNEL(gelu);
NNCORE_KERNEL(gelu_tanh);
NNCORE_KERNEL(elu_backward);
NNCORE_KERNEL(softplus_backward);
NNCORE_KERNEL(silu_backward);
NNCORE_KERNEL(gelu_backward);
NNCORE_KERNEL(gelu_tanh_backward);
NNCORE_KERNEL(exp);
NNCORE_KERNEL(log);
NNCORE_KERNEL(dropout);

NNCORE_KERNEL(softmax);
NNCORE_KERNEL(log_softmax);
NNCORE_KERNEL(softmax_backward);
NNCORE_KERNEL(log_softmax_backward);
NNCORE_KERNEL(softmax_cross_entropy);
NNCORE_KERNEL(cross_entropy_values);

NNCORE_KERNEL(channel_sums);
NNCORE_KERNEL(channel_squares);
NNCORE_KERNEL(channel_products);
NNCORE_KERNEL(channel_affine);
NNCORE_KERNEL(channel_gradient);

NNCORE_KERNEL(sgd);
NNCORE_KERNEL(adam);
NNCORE_KERNEL(rmsprop);
NNCORE_KERNEL(adagrad);
NNCORE_KERNEL(adadelta);
NNCORE_KERNEL(adamax);
NNCORE_KERNEL(nadam);
NNCORE_KERNEL(radam);
NNCORE_KERNEL(lion);

NNCORE_KERNEL(pool_max);
NNCORE_KERNEL(pool_sum);
NNCORE_KERNEL(pool_spread);

NNCORE_KERNEL(models_product);
NNCORE_KERNEL(models_cross_entropy);
NNCORE_KERNEL(models_squares);
NNCORE_KERNEL(models_logits);
NNCORE_KERNEL(models_penalty);
NNCORE_KERNEL(models_sgd);
NNCORE_KERNEL(models_adam);

NNCORE_KERNEL(sum_squares);
NNCORE_KERNEL(sum_absolute);
NNCORE_KERNEL(all_finite);
NNCORE_KERNEL(summarize);
NNCORE_KERNEL(squares);
NNCORE_KERNEL(histogram);
NNCORE_KERNEL(add);
NNCORE_KERNEL(add_penalty);
NNCORE_KERNEL(normalize_u8);
NNCORE_KERNEL(normalize);

NNCORE_KERNEL(fma_probe);

#undef NNCORE_KERNEL
#define NNCORE_KERNEL(name)                                 \
  Pointee<decltype(ConvKernels<float>::name)>::type name;   \
  Pointee<decltype(ConvKernels<double>::name)>::type name

NNCORE_KERNEL(conv_forward);
NNCORE_KERNEL(conv_forward_plain);
NNCORE_KERNEL(conv_weight_gradient);
NNCORE_KERNEL(conv_weight_gradient_plain);
NNCORE_KERNEL(conv_bias_gradient);
NNCORE_KERNEL(to_blocked);
NNCORE_KERNEL(from_blocked);
NNCORE_KERNEL(pack_weights);
NNCORE_KERNEL(unpack_weights);
NNCORE_KERNEL(flip_weights);
NNCORE_KERNEL(winograd_input);
NNCORE_KERNEL(winograd_gradient);
NNCORE_KERNEL(winograd_output);
NNCORE_KERNEL(winograd_weights);
NNCORE_KERNEL(winograd_weight_gradient);

NNCORE_KERNEL(max_pool);
NNCORE_KERNEL(max_pool_backward);
NNCORE_KERNEL(mean_pool);
NNCORE_KERNEL(mean_pool_backward);

#undef NNCORE_KERNEL

extern const Kernels<float> kTableF32;
extern const Kernels<double> kTableF64;

}  // namespace nncore::NNCORE_ISA
