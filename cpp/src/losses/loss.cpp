#include "nncore/loss.hpp"

#include "core/factories.hpp"
#include "kernels/small_nets/batched_loss.hpp"

namespace nncore {

template <class T>
BatchedLoss<T> Loss<T>::batched() const {
  return {};
}

template class Loss<float>;
template class Loss<double>;
template void add_factory(const char*, Factory<Loss<float>>);
template void add_factory(const char*, Factory<Loss<double>>);
template std::unique_ptr<Loss<float>> make(const Spec&);
template std::unique_ptr<Loss<double>> make(const Spec&);

}  // namespace nncore
