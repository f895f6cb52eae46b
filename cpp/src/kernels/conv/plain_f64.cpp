/// Convolutions of x in plain NCHW, for double: one file for each type, since forward takes long to compile.
#include "kernels/conv/bias_gradient.hpp"
#include "kernels/conv/forward.hpp"
#include "kernels/conv/weight_gradient_plain.hpp"
#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {

constinit const ConvKernels<double> kPlainConvF64 = {
    .forward = conv::forward<double, true>,
    .weight_gradient = plain_conv::weight_gradient<double>,
    .bias_gradient = conv::bias_gradient<double>,
};

}  // namespace nncore::NNCORE_ISA
