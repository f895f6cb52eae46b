/// A pool of threads that runs the tasks of one job. Each task writes outputs of its own, and however the work is cut,
/// the order of the sum that makes an output stays: results do not depend on the number of threads.
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
void run_tasks(int64_t tasks, void (*task)(void*, int64_t), void* context);
}

/// Calls f(i) for every i in [0, tasks), on several threads when `work` (floating-point operations, roughly) outweighs
/// waking them. f must not throw.
template <class F>
void parallel_for(int64_t tasks, double work, F&& f) {
  constexpr double kWorthwhile = 2e5;  // about 3 microseconds of one core
  if (tasks < 2 || work < kWorthwhile) {
    for (int64_t i = 0; i < tasks; ++i) f(i);
    return;
  }
  using Function = std::remove_reference_t<F>;
  detail::run_tasks(tasks, [](void* context, int64_t i) { (*static_cast<Function*>(context))(i); }, &f);
}

}  // namespace nncore
