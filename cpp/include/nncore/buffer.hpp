/// Buffer: 64-byte aligned memory that grows and never shrinks, so that a step allocates only the first time.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace nncore {

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t n) { reserve(n); }

  /// Room for n elements; what was there is gone if the buffer had to grow. Fresh memory is zero.
  T* reserve(int64_t n) {
    if (n > capacity_) {
      data_ = allocate(n);
      capacity_ = n;
    }
    return data_.get();
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  int64_t capacity() const { return capacity_; }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  using Pointer = std::unique_ptr<T, Free>;

  static Pointer allocate(int64_t n) {
    const std::size_t limit = (static_cast<std::size_t>(INT64_MAX) - kAlignment) / sizeof(T);
    if (n < 0 || static_cast<std::size_t>(n) > limit) throw std::bad_alloc();
    const std::size_t bytes = (static_cast<std::size_t>(n) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    void* p = std::aligned_alloc(kAlignment, bytes);
    if (p == nullptr) throw std::bad_alloc();
    __builtin_memset(p, 0, bytes);
    return Pointer(static_cast<T*>(p));
  }

  Pointer data_;
  int64_t capacity_ = 0;
};

}  // namespace nncore
