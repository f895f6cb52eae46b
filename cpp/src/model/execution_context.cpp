#include "nncore/execution_context.hpp"

#include "model/inference.hpp"
#include "model/layerwise.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
ContextPool<T>::~ContextPool() {
  for (const auto& slot : waiting_) delete slot.load();
}

/// The first is the one used last, whose memory is still in cache.
template <class T>
std::unique_ptr<Model<T>> ContextPool<T>::take() {
  for (auto& slot : waiting_) {
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    if (Model<T>* const replica = slot.exchange(nullptr, std::memory_order_acquire)) {
      return std::unique_ptr<Model<T>>(replica);
    }
  }
  return nullptr;
}

template <class T>
void ContextPool<T>::give_back(std::unique_ptr<Model<T>> replica) {
  for (auto& slot : waiting_) {
    Model<T>* none = nullptr;
    if (!slot.compare_exchange_strong(none, replica.get(), std::memory_order_release)) continue;
    static_cast<void>(replica.release());
    return;
  }
}

template <class T>
ExecutionContext<T>::ExecutionContext(Model<T>& model) : pool_(model.contexts_), replica_(pool_.take()) {
  if (!replica_) replica_.reset(new Model<T>(&model));
}

template <class T>
ExecutionContext<T>::~ExecutionContext() {
  pool_.give_back(std::move(replica_));
}

template class ContextPool<float>;
template class ContextPool<double>;
template class ExecutionContext<float>;
template class ExecutionContext<double>;

}  // namespace nncore
