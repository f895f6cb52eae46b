/// Convolutions of channel-blocked x, for float: one file for each type, since forward takes long to compile.
#include "kernels/conv/bias_gradient.hpp"
#include "kernels/conv/forward.hpp"
#include "kernels/conv/weight_gradient.hpp"
#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {

constinit const ConvKernels<float> kConvF32 = {
    .forward = conv::forward<float, false>,
    .weight_gradient = blocked_conv::weight_gradient<float>,
    .bias_gradient = conv::bias_gradient<float>,
};

}  // namespace nncore::NNCORE_ISA
