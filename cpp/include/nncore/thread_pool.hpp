/// Threads that share out the pieces of one job. Pieces are cut by sizes alone and each writes its own outputs, so
/// results do not depend on how many threads there are.
#pragma once

#include <cstdint>
#include <type_traits>

namespace nncore {

/// NNCORE_NUM_THREADS, else the CPUs this process may use (affinity, cgroup quota).
int default_num_threads();
int num_threads();
void set_num_threads(int n);  ///< n >= 1

/// Limits the calling thread to n threads while it lives; 0 changes nothing.
class ThreadLimit {
 public:
  explicit ThreadLimit(int n);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int previous_;
};

namespace detail {
void run_pieces(int64_t pieces, void (*piece)(void*, int64_t), void* context);
}

/// Calls f(i) for every i in [0, pieces), on several threads when `work` (floating-point operations, roughly) is
/// worth a hand-over. f must not throw.
template <class F>
void parallel_for(int64_t pieces, double work, F&& f) {
  constexpr double kWorthwhile = 2e5;  // about 3 microseconds of one core
  if (pieces < 2 || work < kWorthwhile) {
    for (int64_t i = 0; i < pieces; ++i) f(i);
    return;
  }
  using Function = std::remove_reference_t<F>;
  detail::run_pieces(pieces, [](void* context, int64_t i) { (*static_cast<Function*>(context))(i); }, &f);
}

}  // namespace nncore
