/// Rooms: memory for pieces of work while they run.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>

#include "nncore/buffer.hpp"

namespace nncore {

/// At most `count` pieces run at once, each in a room of its own. Whoever is next gets the first that is free: it was used
/// last and is still in cache.
template <class T>
class Rooms {
 public:
  static constexpr int64_t kMost = 32;

  Rooms(Buffer<T>& buffer, int64_t size, int64_t count) : memory_(buffer.reserve(size * count)), size_(size) {}

  class Room {
   public:
    explicit Room(Rooms& all) : all_(all) {
      uint32_t free = all_.free_.load();
      while (!all_.free_.compare_exchange_weak(free, free & (free - 1))) {}
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
  std::atomic<uint32_t> free_{~uint32_t{0}};
};

}  // namespace nncore
