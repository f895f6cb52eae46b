#include "nncore/buffer.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nncore {

// With pages of 4 KB, TLB misses cost a step of a large net some per cent, and page faults more while memory is new.
// The advice covers only the huge pages that lie wholly within the array: resident memory does not grow.
void* allocate_lines(std::size_t bytes) {
  bytes = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  void* const p = std::aligned_alloc(kCacheLine, bytes);
  if (p == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::size_t huge = std::size_t{2} << 20;
  if (bytes >= 2 * huge) {
    const std::size_t before = (huge - reinterpret_cast<std::uintptr_t>(p) % huge) % huge;
    // a hint: failure is ignored
    madvise(static_cast<char*>(p) + before, (bytes - before) / huge * huge, MADV_HUGEPAGE);
  }
#endif
  return p;
}

}  // namespace nncore
