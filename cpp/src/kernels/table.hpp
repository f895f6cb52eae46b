/// The kernel dispatch table: pure functions on pointers and sizes, compiled once for each instruction set and chosen
/// when the library is loaded. Kernels do not allocate, throw or start threads, and do not depend on layers.
///
/// Kernels come in groups, one struct of function pointers each, documented in the header of the group. A caller
/// includes the headers of the groups it uses: kernels/elementwise/elementwise.hpp for
/// `kernels<T>().elementwise.relu.forward(n, a, x, y)`.
///
/// Conventions. Sizes and strides count elements. An elementwise kernel may work in place (output = input).
/// Each element's result depends on its value alone, never on its position, so a range may be cut anywhere
/// without changing a bit. Sums run in an order fixed by the sizes.
#pragma once

#include <atomic>
#include <cstdint>

namespace nncore {

template <class T>
struct GemmKernels;
template <class T>
struct DotGemmKernels;
template <class T>
struct SparseKernels;
template <class T>
struct FeatureMajorKernels;
template <class T>
struct ConvKernels;
template <class T>
struct ConvLayoutKernels;
template <class T>
struct WinogradKernels;
template <class T>
struct Im2colKernels;
template <class T>
struct PoolKernels;
template <class T>
struct BlockedPoolKernels;
template <class T>
struct ElementwiseKernels;
template <class T>
struct DropoutKernels;
template <class T>
struct SoftmaxKernels;
template <class T>
struct ReduceKernels;
template <class T>
struct StatisticsKernels;
template <class T>
struct ChannelKernels;
template <class T>
struct UpdateKernels;
template <class T>
struct OnlineKernels;
template <class T>
struct ModelBatchKernels;
template <class T>
struct ProbeKernels;

/// The most that `lanes` and `panel` of any set are: sizes of arrays on the stack.
inline constexpr int64_t kMaxLanes = 16, kMaxPanel = 2 * kMaxLanes;

template <class T>
struct Kernels {
  const char* isa;  ///< "baseline", "avx2" or "avx512"
  int64_t lanes;    ///< elements in one vector register
  int64_t panel;    ///< columns in one panel of packed weights, a multiple of `lanes`

  const GemmKernels<T>& gemm;                    ///< kernels/gemm/gemm.hpp: products with packed weights
  const DotGemmKernels<T>& dot_gemm;   ///< kernels/gemm/dot.hpp: dot products, the lanes along K
  const SparseKernels<T>& sparse;                ///< kernels/gemm/sparse.hpp: products with a sparse factor
  const FeatureMajorKernels<T>& feature_major;   ///< kernels/gemm/feature_major.hpp: products of arrays (F, N)
  const ConvKernels<T>& conv;                    ///< kernels/conv/conv.hpp: convolutions of channel-blocked x
  const ConvKernels<T>& plain_conv;              ///< the same of x in plain NCHW
  const ConvLayoutKernels<T>& conv_layout;       ///< kernels/conv/layout.hpp: reorders to and from blocks, packing
  const WinogradKernels<T>& winograd;            ///< kernels/conv/winograd.hpp
  const Im2colKernels<T>& im2col;                ///< kernels/conv/im2col.hpp: convolutions of any stride and group
  const PoolKernels<T>& pool;                    ///< kernels/pool/pool.hpp: rows of plain images
  const BlockedPoolKernels<T>& blocked_pool;     ///< kernels/pool/blocked_pool.hpp: channel-blocked images
  const ElementwiseKernels<T>& elementwise;      ///< kernels/elementwise/elementwise.hpp: activations, exp, log
  const DropoutKernels<T>& dropout;              ///< kernels/elementwise/dropout.hpp
  const SoftmaxKernels<T>& softmax;              ///< kernels/softmax/softmax.hpp: and cross-entropy
  const ReduceKernels<T>& reduce;                ///< kernels/reduce/reduce.hpp: sums, tests and maps of ranges
  const StatisticsKernels<T>& statistics;        ///< kernels/reduce/statistics.hpp: for monitors
  const ChannelKernels<T>& channels;             ///< kernels/reduce/channels.hpp: normalisation by channel
  const UpdateKernels<T>& update;                ///< kernels/update/update.hpp: the optimizers' rules
  const OnlineKernels<T>& online;                ///< kernels/small_nets/online.hpp: steps of one sample each
  const ModelBatchKernels<T>& model_batch;       ///< kernels/small_nets/model_batch.hpp: many small nets at once
  const ProbeKernels<T>& probe;                  ///< kernels/probe.hpp: the speed of the machine
};

/// Chooses the kernel set: the best the CPU has, or the one named by the environment variable NNCORE_ISA.
template <class T>
const Kernels<T>& choose_kernels();

/// The kernel set in use, null until its first use. Read in place: a step of the smallest nets asks for it fifteen
/// times, and calls for that cost 1.5 % of the step.
template <class T>
struct ChosenKernels {
  static std::atomic<const Kernels<T>*> set;
};
extern template struct ChosenKernels<float>;
extern template struct ChosenKernels<double>;

template <class T>
const Kernels<T>& kernels() {
  const Kernels<T>* set = ChosenKernels<T>::set.load(std::memory_order_acquire);
  return set != nullptr ? *set : choose_kernels<T>();
}

/// n elements with the padding that whole registers need.
template <class T>
int64_t whole_registers(int64_t n) {
  const int64_t lanes = kernels<T>().lanes;
  return (n + lanes - 1) / lanes * lanes;
}

}  // namespace nncore
