/// Parameter updates, one kernel for each optimizer: n weights w change, the gradient g is read only, `state` holds the
/// optimizer's arrays. What a rule does, and which arrays it takes, stands at its constants. There g' = g +
/// weight_decay w, and w is multiplied by `shrink` first where there is one.
#pragma once

#include "kernels/table.hpp"
#include "kernels/update/adadelta.hpp"
#include "kernels/update/adagrad.hpp"
#include "kernels/update/adam.hpp"
#include "kernels/update/adamax.hpp"
#include "kernels/update/lion.hpp"
#include "kernels/update/nadam.hpp"
#include "kernels/update/radam.hpp"
#include "kernels/update/rmsprop.hpp"
#include "kernels/update/sgd.hpp"

namespace nncore {

// clang-format off
/// The rules: X(kernel, constants of a step). The group's entries and the rows of its table are both made from this
/// list.
#define NNCORE_UPDATE_KERNELS(X) \
  X(sgd, SgdStep)                \
  X(adam, AdamStep)              \
  X(rmsprop, RMSpropStep)        \
  X(adagrad, AdagradStep)        \
  X(adadelta, AdadeltaStep)      \
  X(adamax, AdamaxStep)          \
  X(nadam, NAdamStep)            \
  X(radam, RAdamStep)            \
  X(lion, LionStep)
// clang-format on

template <class T>
struct UpdateKernels {
#define NNCORE_ENTRY(kernel, Step) \
  void (*kernel)(int64_t n, const Step& step, T* w, const T* g, T* const* state);
  NNCORE_UPDATE_KERNELS(NNCORE_ENTRY)
#undef NNCORE_ENTRY

  /// sgd and adam of a model batch (kernels/small_nets/model_batch.hpp), with the constants of each lane: as many steps
  /// as lanes.
  void (*sgd_model_batch)(int64_t n, const SgdStep* steps, T* w, const T* g, T* const* state);
  void (*adam_model_batch)(int64_t n, const AdamStep* steps, T* w, const T* g, T* const* state);
};

}  // namespace nncore
