/// PlannedParameter: one parameter as a plan holds it.
#pragma once

#include "nncore/layer.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {

template <class T>
struct PlannedParameter {
  Parameter<T>* natural;
  std::size_t owner;  ///< the first node of the model that uses it
  T* w;
  T* state[Optimizer<T>::kMaxStates];
  T* g;  ///< the whole gradient, where updates are deferred; null: updated tile by tile
  const Packing<T>* packing;  ///< null: the natural order
  int packing_index;
  int64_t n;  ///< as packed
  int index;
  bool frozen;  ///< as the plan was made: no gradient, no penalty, no update
};

}  // namespace nncore
