/// ScratchPool: workspace for tasks while they run.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>

#include "nncore/buffer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// One workspace of `size` elements for each thread, for at most `tasks` tasks. A task gets the first that is free: it
/// was used last and is still in cache.
template <class T>
class ScratchPool {
 public:
  static constexpr int64_t kMaxCount = 32;

  ScratchPool(Buffer<T>& buffer, int64_t size, int64_t tasks) : size_(size) {
    const int64_t count = std::min({tasks, static_cast<int64_t>(num_threads()), kMaxCount});
    memory_ = buffer.reserve(size * count);
    free_ = static_cast<uint32_t>((uint64_t{1} << count) - 1);
  }

  /// A workspace, given back when this goes out of scope.
  class Scratch {
   public:
    explicit Scratch(ScratchPool& pool) : pool_(pool) {
      uint32_t free = pool_.free_.load();
      // waits: none is free only if the number of threads has grown since the count
      while (free == 0 || !pool_.free_.compare_exchange_weak(free, free & (free - 1))) {
        if (free == 0) free = pool_.free_.load();
      }
      index_ = std::countr_zero(free);
    }
    ~Scratch() { pool_.free_.fetch_or(uint32_t{1} << index_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    T* data() const { return pool_.memory_ + index_ * pool_.size_; }

   private:
    ScratchPool& pool_;
    int index_;
  };
  Scratch acquire() { return Scratch(*this); }

 private:
  T* memory_;
  int64_t size_;
  std::atomic<uint32_t> free_;
};

}  // namespace nncore
