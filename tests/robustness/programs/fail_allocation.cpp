/// Preloaded into Python: the N-th allocation of the compiled core fails. It allocates with operator new and
/// aligned_alloc alone; Python and NumPy with malloc, which is left as it is. Pieces below 64 bytes always come:
/// pybind11 takes such ones where it makes an object, and ends the process when there is none.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> left{0};  ///< allocations until the one that fails; 0: none does

bool fails() { return left.load() > 0 && left.fetch_sub(1) == 1; }

void* allocate(std::size_t n, std::size_t alignment) {
  void* p = nullptr;
  return (n >= 64 && fails()) || posix_memalign(&p, alignment, n == 0 ? 1 : n) != 0 ? nullptr : p;
}

void* allocate_or_throw(std::size_t n, std::size_t alignment) {
  void* p = allocate(n, alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

constexpr std::size_t kUsual = alignof(std::max_align_t);

}  // namespace

extern "C" void fail_at(long n) { left = n; }
extern "C" long allocations_left() { return left; }
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t n) { return allocate(n, alignment); }

void* operator new(std::size_t n) { return allocate_or_throw(n, kUsual); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, kUsual); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, kUsual); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
