/// The table of one instruction set: compiled once per set, beside the kernels it names.
#include "kernels/declarations.hpp"
#include "kernels/simd/types.hpp"

#define NNCORE_TEXT_OF(name) #name
#define NNCORE_TEXT(name) NNCORE_TEXT_OF(name)

namespace nncore::NNCORE_ISA {
namespace {

template <class T>
constexpr Kernels<T> make_table() {
  return {
      .isa = NNCORE_TEXT(NNCORE_ISA),
      .lanes = Vec<T>::lanes,
      .panel = 2 * Vec<T>::lanes,
      .gemm_forward = gemm_forward,
      .gemm_dw = gemm_dw,
      .gemm_dx = gemm_dx,
      .gemm_rows = gemm_rows,
      .sparse_product = sparse_product,
      .gemm_part = gemm_part,
      .listed_rows = listed_rows,
      .column_sums = column_sums,
      .columns = columns,
      .correlate = correlate,
      .lanes_forward = lanes_forward,
      .lanes_dx = lanes_dx,
      .lanes_dw = lanes_dw,
      .lanes_db = lanes_db,
      .to_lanes = to_lanes,
      .from_lanes = from_lanes,
      .online = online,
      .relu = relu,
      .leaky_relu = leaky_relu,
      .tanh = tanh,
      .sigmoid = sigmoid,
      .relu_backward = relu_backward,
      .leaky_relu_backward = leaky_relu_backward,
      .tanh_backward = tanh_backward,
      .sigmoid_backward = sigmoid_backward,
      .elu = elu,
      .softplus = softplus,
      .silu = silu,
      .gelu = gelu,
      .gelu_tanh = gelu_tanh,
      .elu_backward = elu_backward,
      .softplus_backward = softplus_backward,
      .silu_backward = silu_backward,
      .gelu_backward = gelu_backward,
      .gelu_tanh_backward = gelu_tanh_backward,
      .exp = exp,
      .log = log,
      .dropout = dropout,
      .softmax = softmax,
      .log_softmax = log_softmax,
      .softmax_backward = softmax_backward,
      .log_softmax_backward = log_softmax_backward,
      .softmax_cross_entropy = softmax_cross_entropy,
      .cross_entropy_values = cross_entropy_values,
      .channel_sums = channel_sums,
      .channel_squares = channel_squares,
      .channel_products = channel_products,
      .channel_affine = channel_affine,
      .channel_gradient = channel_gradient,
      .sgd = sgd,
      .adam = adam,
      .rmsprop = rmsprop,
      .adagrad = adagrad,
      .adadelta = adadelta,
      .adamax = adamax,
      .nadam = nadam,
      .radam = radam,
      .lion = lion,
      .pool_max = pool_max,
      .pool_sum = pool_sum,
      .pool_spread = pool_spread,
      .models_product = models_product,
      .models_cross_entropy = models_cross_entropy,
      .models_squares = models_squares,
      .models_logits = models_logits,
      .models_penalty = models_penalty,
      .models_sgd = models_sgd,
      .models_adam = models_adam,
      .sum_squares = sum_squares,
      .sum_absolute = sum_absolute,
      .all_finite = all_finite,
      .summarize = summarize,
      .squares = squares,
      .histogram = histogram,
      .add = add,
      .add_penalty = add_penalty,
      .normalize_u8 = normalize_u8,
      .normalize = normalize,
      .fma_probe = fma_probe,
      .conv =
          {
              .conv_forward = conv_forward,
              .conv_forward_plain = conv_forward_plain,
              .conv_weight_gradient = conv_weight_gradient,
              .conv_weight_gradient_plain = conv_weight_gradient_plain,
              .conv_bias_gradient = conv_bias_gradient,
              .to_blocked = to_blocked,
              .from_blocked = from_blocked,
              .pack_weights = pack_weights,
              .unpack_weights = unpack_weights,
              .flip_weights = flip_weights,
              .winograd_input = winograd_input,
              .winograd_gradient = winograd_gradient,
              .winograd_output = winograd_output,
              .winograd_weights = winograd_weights,
              .winograd_weight_gradient = winograd_weight_gradient,
              .max_pool = max_pool,
              .max_pool_backward = max_pool_backward,
              .mean_pool = mean_pool,
              .mean_pool_backward = mean_pool_backward,
          },
  };
}

}  // namespace

// constinit: a table that ran code to fill itself would run that code on machines without its instruction set.
constinit const Kernels<float> kTableF32 = make_table<float>();
constinit const Kernels<double> kTableF64 = make_table<double>();

}  // namespace nncore::NNCORE_ISA
