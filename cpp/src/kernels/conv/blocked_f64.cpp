/// Convolutions of channel-blocked x, for double: one file for each type, since forward takes long to compile.
#include "kernels/conv/bias_gradient.hpp"
#include "kernels/conv/forward.hpp"
#include "kernels/conv/weight_gradient.hpp"
#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {

constinit const ConvKernels<double> kConvF64 = {
    .forward = conv::forward<double, false>,
    .weight_gradient = blocked_conv::weight_gradient<double>,
    .bias_gradient = conv::bias_gradient<double>,
};

}  // namespace nncore::NNCORE_ISA
