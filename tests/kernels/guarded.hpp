/// Memory that notices what a kernel must not touch.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace nncore::check {

/// `size` elements that end exactly where a page without access begins. What lies in front is filled with a pattern;
/// `intact` says whether it still is.
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t size) : size_(size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = static_cast<size_t>(size) * sizeof(T);
    front_ = (bytes / page + 2) * page - bytes;  // at least one page in front
    mapped_ = front_ + bytes + page;
    void* map = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) std::abort();
    base_ = static_cast<unsigned char*>(map);
    std::memset(base_, kPattern, front_ + bytes);
    if (mprotect(base_ + front_ + bytes, page, PROT_NONE) != 0) std::abort();
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return reinterpret_cast<T*>(base_ + front_); }
  const T* data() const { return reinterpret_cast<const T*>(base_ + front_); }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }
  int64_t size() const { return size_; }

  /// Back to the pattern, which stands for "never written".
  void clear() { std::memset(data(), kPattern, static_cast<size_t>(size_) * sizeof(T)); }
  bool untouched(int64_t i) const {
    const unsigned char* p = reinterpret_cast<const unsigned char*>(data() + i);
    for (size_t b = 0; b < sizeof(T); ++b)
      if (p[b] != kPattern) return false;
    return true;
  }
  bool intact() const {
    for (size_t i = 0; i < front_; ++i)
      if (base_[i] != kPattern) return false;
    return true;
  }

 private:
  static constexpr unsigned char kPattern = 0xA5;
  int64_t size_;
  size_t front_, mapped_;
  unsigned char* base_;
};

}  // namespace nncore::check
