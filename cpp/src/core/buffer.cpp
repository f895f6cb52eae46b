#include "nncore/buffer.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nncore {

// Large arrays in pages of 4 KB cost a step some per cent for the addresses of pages, and more while they are fresh.
// Only whole huge pages are asked for, so that the process does not grow by their size.
void* allocate_lines(std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::size_t huge = std::size_t{2} << 20;
  if (bytes >= 2 * huge) {
    void* const p = std::aligned_alloc(huge, bytes);
    if (p == nullptr) throw std::bad_alloc();
    madvise(p, bytes / huge * huge, MADV_HUGEPAGE);  // a wish: where it is not heard all works as before
    return p;
  }
#endif
  void* const p = std::aligned_alloc(kCacheLine, bytes);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace nncore
