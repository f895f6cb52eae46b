#include "nncore/optimizer.hpp"

#include <algorithm>

#include "nncore/error.hpp"

namespace nncore {

template <class T>
void Optimizer<T>::attach(const std::vector<Parameter<T>*>& parameters) {
  n_slots_ = static_cast<int>(slot_names().size());
  sizes_.clear();
  slots_.clear();
  for (const Parameter<T>* p : parameters) {
    sizes_.push_back(p->shape.size());
    for (int k = 0; k < n_slots_; ++k) {
      slots_.emplace_back(p->shape.size());
      std::fill_n(slots_.back().data(), p->shape.size(), static_cast<T>(slot_start()));
    }
  }
  attached_ = true;
}

template <class T>
StepConstants Optimizer<T>::begin_step() {
  StepConstants constants;
  constants.rate = rate();
  constants.t = ++t_;
  prepare(constants);
  return constants;
}

template <class T>
void Optimizer<T>::step(const std::vector<Parameter<T>*>& parameters) {
  const StepConstants constants = begin_step();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    T* slots[kMaxSlots] = {};
    for (int k = 0; k < n_slots_; ++k) slots[k] = slot(static_cast<int>(i), k);
    update(constants, parameters[i]->shape.size(), parameters[i]->value, parameters[i]->grad, slots);
  }
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace nncore
