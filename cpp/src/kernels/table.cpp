/// The table of one instruction set: compiled once per set, beside the groups it names.
#include "kernels/groups.hpp"
#include "kernels/simd/simd.hpp"

namespace nncore::NNCORE_ISA {
namespace {

template <class T, class F32, class F64>
constexpr const auto& of(const F32& f32, const F64& f64) {
  if constexpr (sizeof(T) == 4) return f32;
  else return f64;
}

template <class T>
constexpr Kernels<T> make_table() {
  static_assert(Vec<T>::lanes <= kMaxLanes);
#define NNCORE_GROUP(name) of<T>(name##F32, name##F64)
  return {
      .isa = NNCORE_TEXT(NNCORE_ISA),
      .lanes = Vec<T>::lanes,
      .panel = 2 * Vec<T>::lanes,
      .gemm = NNCORE_GROUP(kGemm),
      .dot_gemm = NNCORE_GROUP(kDotGemm),
      .sparse = NNCORE_GROUP(kSparse),
      .feature_major = NNCORE_GROUP(kFeatureMajor),
      .conv = NNCORE_GROUP(kConv),
      .plain_conv = NNCORE_GROUP(kPlainConv),
      .conv_layout = NNCORE_GROUP(kConvLayout),
      .winograd = NNCORE_GROUP(kWinograd),
      .im2col = NNCORE_GROUP(kIm2col),
      .pool = NNCORE_GROUP(kPool),
      .blocked_pool = NNCORE_GROUP(kBlockedPool),
      .elementwise = NNCORE_GROUP(kElementwise),
      .dropout = NNCORE_GROUP(kDropout),
      .softmax = NNCORE_GROUP(kSoftmax),
      .reduce = NNCORE_GROUP(kReduce),
      .statistics = NNCORE_GROUP(kStatistics),
      .channels = NNCORE_GROUP(kChannels),
      .update = NNCORE_GROUP(kUpdate),
      .online = NNCORE_GROUP(kOnline),
      .model_batch = NNCORE_GROUP(kModelBatch),
      .probe = NNCORE_GROUP(kProbe),
  };
#undef NNCORE_GROUP
}

}  // namespace

constinit const Kernels<float> kTableF32 = make_table<float>();
constinit const Kernels<double> kTableF64 = make_table<double>();

}  // namespace nncore::NNCORE_ISA
