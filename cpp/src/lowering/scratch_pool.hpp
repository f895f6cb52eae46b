/// Rooms: memory for pieces of work while they run.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>

#include "nncore/buffer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// As many as there are threads, for at most `pieces` pieces. Whoever is next gets the first that is free: it was used
/// last and is still in cache.
template <class T>
class Rooms {
 public:
  static constexpr int64_t kMost = 32;

  Rooms(Buffer<T>& buffer, int64_t size, int64_t pieces) : size_(size) {
    const int64_t count = std::min({pieces, static_cast<int64_t>(num_threads()), kMost});
    memory_ = buffer.reserve(size * count);
    free_ = static_cast<uint32_t>((uint64_t{1} << count) - 1);
  }

  class Room {
   public:
    explicit Room(Rooms& all) : all_(all) {
      uint32_t free = all_.free_.load();
      // none is free only where threads came after the count
      while (free == 0 || !all_.free_.compare_exchange_weak(free, free & (free - 1))) {
        if (free == 0) free = all_.free_.load();
      }
      index_ = std::countr_zero(free);
    }
    ~Room() { all_.free_.fetch_or(uint32_t{1} << index_); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    T* data() const { return all_.memory_ + index_ * all_.size_; }

   private:
    Rooms& all_;
    int index_;
  };
  Room take() { return Room(*this); }

 private:
  T* memory_;
  int64_t size_;
  std::atomic<uint32_t> free_;
};

}  // namespace nncore
