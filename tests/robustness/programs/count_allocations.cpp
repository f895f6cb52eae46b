/// Preloaded into Python: counts what is asked of malloc and its like, by anyone; operator new asks malloc. The arrays
/// of the core come from aligned_alloc: their bytes are counted, too.
#include <atomic>
#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t n);
void* __libc_calloc(std::size_t count, std::size_t n);
void* __libc_realloc(void* p, std::size_t n);
void* __libc_memalign(std::size_t alignment, std::size_t n);

static std::atomic<long> count{0}, aligned{0};
long allocations() { return count.load(); }
long aligned_bytes() { return aligned.load(); }

void* malloc(std::size_t n) {
  ++count;
  return __libc_malloc(n);
}
void* calloc(std::size_t number, std::size_t n) {
  ++count;
  return __libc_calloc(number, n);
}
void* realloc(void* p, std::size_t n) {
  ++count;
  return __libc_realloc(p, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) {
  ++count;
  aligned += static_cast<long>(n);
  return __libc_memalign(alignment, n);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t n) {
  ++count;
  *p = __libc_memalign(alignment, n);
  return *p == nullptr ? ENOMEM : 0;
}
}
