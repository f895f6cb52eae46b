/// ExecutionContext: what one call in inference has for itself (IExecutionContext in TensorRT), so that any number of
/// threads predict with one model at once.
#pragma once

#include <array>
#include <atomic>
#include <memory>

namespace nncore {

template <class T>
class Model;

/// Replicas of a model that wait for their next call. Without locks: a child forked in the middle of a call has one
/// replica less, and nothing that it would wait for.
template <class T>
class ContextPool {
 public:
  ContextPool() = default;
  ~ContextPool();
  ContextPool(const ContextPool&) = delete;
  ContextPool& operator=(const ContextPool&) = delete;

  /// Null: none is waiting.
  std::unique_ptr<Model<T>> take();
  void give_back(std::unique_ptr<Model<T>> replica);

 private:
  static constexpr std::size_t kMost = 64;  // with more calls at once, some make their replica anew each time
  std::array<std::atomic<Model<T>*>, kMost> waiting_{};
};

/// A replica of the model for as long as this lives: layer objects and work memory of its own on the same parameters.
/// Replicas are kept for later calls, so that there are as many as there have been calls at once, and a call like the
/// one before it allocates nothing. The caller has the model's AccessGuard.
template <class T>
class ExecutionContext {
 public:
  explicit ExecutionContext(Model<T>& model);
  ~ExecutionContext();
  ExecutionContext(const ExecutionContext&) = delete;
  ExecutionContext& operator=(const ExecutionContext&) = delete;

  Model<T>& operator*() const { return *replica_; }
  Model<T>* operator->() const { return replica_.get(); }

 private:
  ContextPool<T>& pool_;
  std::unique_ptr<Model<T>> replica_;
};

}  // namespace nncore
