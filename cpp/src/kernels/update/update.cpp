/// Parameter updates.
#include "kernels/update/update.hpp"

#include "kernels/groups.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

template <class T>
constexpr UpdateKernels<T> table() {
  return {
#define NNCORE_ROW(kernel, Step) .kernel = kernel<T>,
      NNCORE_UPDATE_KERNELS(NNCORE_ROW)
#undef NNCORE_ROW
      .sgd_model_batch = sgd_model_batch<T>,
      .adam_model_batch = adam_model_batch<T>,
  };
}

}  // namespace
}  // namespace update

constinit const UpdateKernels<float> kUpdateF32 = update::table<float>();
constinit const UpdateKernels<double> kUpdateF64 = update::table<double>();

}  // namespace nncore::NNCORE_ISA
