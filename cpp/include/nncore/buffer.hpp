/// Buffer: 64-byte aligned memory that grows and never shrinks, so that a step allocates only the first time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace nncore {

inline constexpr std::size_t kCacheLine = 64;

/// Memory of whole cache lines, at least `bytes`; 4 MB and more ask for huge pages. To be freed by std::free; throws
/// std::bad_alloc.
void* allocate_lines(std::size_t bytes);

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t n) { reserve(n); }

  /// Makes room for n elements. Growing discards the contents; new memory is zero.
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
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  using Pointer = std::unique_ptr<T, Free>;

  static Pointer allocate(int64_t n) {
    const std::size_t limit = (static_cast<std::size_t>(INT64_MAX) - kCacheLine) / sizeof(T);
    if (n < 0 || static_cast<std::size_t>(n) > limit) throw std::bad_alloc();
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    void* p = allocate_lines(bytes);
    __builtin_memset(p, 0, bytes);
    return Pointer(static_cast<T*>(p));
  }

  Pointer data_;
  int64_t capacity_ = 0;
};

}  // namespace nncore
