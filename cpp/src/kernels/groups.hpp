/// The groups of one instruction set: each is defined in the file of its kernels, and table.cpp puts them together.
///
/// A kernel file writes every kernel once, as a template in an anonymous namespace, and ends with the two tables of its
/// group, for float and double. The templates have internal linkage: nothing of one set can be merged with another's,
/// as the linker does with the weak symbols of ordinary templates and inline functions. The tables are constinit: one
/// that ran code to fill itself would run that code on machines without its instruction set.
#pragma once

#include "kernels/table.hpp"

namespace nncore::NNCORE_ISA {

#define NNCORE_GROUP(Group, name)       \
  extern const Group<float> name##F32;  \
  extern const Group<double> name##F64

NNCORE_GROUP(GemmKernels, kGemm);
NNCORE_GROUP(DotGemmKernels, kDotGemm);
NNCORE_GROUP(SparseKernels, kSparse);
NNCORE_GROUP(FeatureMajorKernels, kFeatureMajor);
NNCORE_GROUP(ConvKernels, kConv);
NNCORE_GROUP(ConvKernels, kPlainConv);
NNCORE_GROUP(ConvLayoutKernels, kConvLayout);
NNCORE_GROUP(WinogradKernels, kWinograd);
NNCORE_GROUP(Im2colKernels, kIm2col);
NNCORE_GROUP(PoolKernels, kPool);
NNCORE_GROUP(BlockedPoolKernels, kBlockedPool);
NNCORE_GROUP(ElementwiseKernels, kElementwise);
NNCORE_GROUP(DropoutKernels, kDropout);
NNCORE_GROUP(SoftmaxKernels, kSoftmax);
NNCORE_GROUP(ReduceKernels, kReduce);
NNCORE_GROUP(StatisticsKernels, kStatistics);
NNCORE_GROUP(ChannelKernels, kChannels);
NNCORE_GROUP(UpdateKernels, kUpdate);
NNCORE_GROUP(OnlineKernels, kOnline);
NNCORE_GROUP(ModelBatchKernels, kModelBatch);
NNCORE_GROUP(ProbeKernels, kProbe);

#undef NNCORE_GROUP

extern const Kernels<float> kTableF32;
extern const Kernels<double> kTableF64;

}  // namespace nncore::NNCORE_ISA
