/// Parameter updates.
#include "kernels/update/update.hpp"

#include "kernels/groups.hpp"
#include "kernels/update/adadelta.hpp"
#include "kernels/update/adagrad.hpp"
#include "kernels/update/adam.hpp"
#include "kernels/update/lion.hpp"
#include "kernels/update/rmsprop.hpp"
#include "kernels/update/sgd.hpp"

namespace nncore::NNCORE_ISA {
namespace update {
namespace {

template <class T>
constexpr UpdateKernels<T> table() {
  return {
      .sgd = sgd<T>,
      .adam = adam<T>,
      .rmsprop = rmsprop<T>,
      .adagrad = adagrad<T>,
      .adadelta = adadelta<T>,
      .adamax = adamax<T>,
      .nadam = nadam<T>,
      .radam = radam<T>,
      .lion = lion<T>,
      .sgd_model_batch = sgd_model_batch<T>,
      .adam_model_batch = adam_model_batch<T>,
  };
}

}  // namespace
}  // namespace update

constinit const UpdateKernels<float> kUpdateF32 = update::table<float>();
constinit const UpdateKernels<double> kUpdateF64 = update::table<double>();

}  // namespace nncore::NNCORE_ISA
