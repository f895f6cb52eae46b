#include "nncore/optimizer.hpp"

#include <algorithm>

#include "core/factories.hpp"
#include "nncore/error.hpp"
#include "objectives/update_rule.hpp"

namespace nncore {

template void add_factory(const char*, Factory<Optimizer<float>>);
template void add_factory(const char*, Factory<Optimizer<double>>);
template std::unique_ptr<Optimizer<float>> make(const Spec&);
template std::unique_ptr<Optimizer<double>> make(const Spec&);

template <class T>
void Optimizer<T>::attach(const std::vector<Parameter<T>*>& parameters) {
  n_states_ = static_cast<int>(state_names().size());
  sizes_.clear();
  state_.clear();
  for (const Parameter<T>* p : parameters) {
    sizes_.push_back(p->shape.size());
    for (int k = 0; k < n_states_; ++k) {
      state_.emplace_back(p->shape.size());
      std::fill_n(state_.back().data(), p->shape.size(), static_cast<T>(initial_state()));
    }
  }
  attached_ = true;
}

template <class T>
UpdateRule Optimizer<T>::update_rule() const {
  return {};
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
  const auto learns = [](const Parameter<T>* p) { return p->learns(); };
  if (!parameters.empty() && std::none_of(parameters.begin(), parameters.end(), learns)) {
    throw ConfigError(expected("[Optimizer.step]", "model", "a parameter that learns",
                               "a model whose parameters are all frozen", "layer.unfreeze()"));
  }
  const int64_t before = t_;
  try {
    update_all(begin_step(), parameters);
  } catch (...) {
    t_ = before;
    throw;
  }
}

template <class T>
void Optimizer<T>::update_all(const StepConstants& step, const std::vector<Parameter<T>*>& parameters) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i]->learns()) continue;
    T* state[kMaxStates] = {};
    for (int k = 0; k < n_states_; ++k) state[k] = this->state(static_cast<int>(i), k);
    update(step, parameters[i]->shape.size(), parameters[i]->value, parameters[i]->grad, state);
  }
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace nncore
