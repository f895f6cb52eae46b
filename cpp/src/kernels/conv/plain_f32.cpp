/// Convolutions of x in plain NCHW, for float: one file for each type, since forward takes long to compile.
#include "kernels/conv/bias_gradient.hpp"
#include "kernels/conv/forward.hpp"
#include "kernels/conv/weight_gradient_plain.hpp"
#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {

constinit const ConvKernels<float> kPlainConvF32 = {
    .forward = conv::forward<float, true>,
    .weight_gradient = plain_conv::weight_gradient<float>,
    .bias_gradient = conv::bias_gradient<float>,
};

}  // namespace nncore::NNCORE_ISA
