#include "nncore/thread_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace nncore {
namespace {

constexpr int kMaxThreads = 256;

/// The CPUs this process may run on, and no more than its cgroup's quota pays for.
int available_cpus() {
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (file >> quota >> period && quota != "max" && period > 0) {
    const int paid = static_cast<int>(std::strtod(quota.c_str(), nullptr) / period + 0.5);
    if (paid >= 1 && paid < cpus) cpus = paid;
  }
#endif
  return cpus < 1 ? 1 : cpus;
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

struct Job {
  void (*piece)(void*, int64_t) = nullptr;
  void* context = nullptr;
  int64_t pieces = 0;
  std::atomic<int64_t> next{0};

  void work() {
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < pieces;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      piece(context, i);
    }
  }
};

/// A worker goes idle -> posted (by the caller) -> running -> idle; a caller may take a posted job back, so it
/// never waits for a thread that the system has not scheduled yet.
enum State : int { kIdle, kPosted, kRunning, kQuit };

struct Worker {
  alignas(64) std::atomic<int> state{kIdle};
  std::thread thread;
};

class Pool {
 public:
  /// Ends the workers; whoever computes on does it alone.
  void stop() {
    busy_.lock();  // for good
    for (auto& worker : workers_) {
      worker->state.store(kQuit);
      worker->state.notify_one();
      worker->thread.join();
    }
  }

  /// False when another thread is using the pool; the caller then does the work alone.
  bool run(int threads, int64_t pieces, void (*piece)(void*, int64_t), void* context) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    grow(threads - 1);
    spin_ = threads <= cpus_ ? kSpins : 0;
    job_.piece = piece;
    job_.context = context;
    job_.pieces = pieces;
    job_.next.store(0, std::memory_order_relaxed);
    const std::size_t helpers = std::min(static_cast<std::size_t>(threads - 1), workers_.size());
    for (std::size_t i = 0; i < helpers; ++i) {
      workers_[i]->state.store(kPosted);
      workers_[i]->state.notify_one();
    }
    job_.work();
    for (std::size_t i = 0; i < helpers; ++i) finish(*workers_[i]);
    return true;
  }

 private:
  static constexpr int kSpins = 4000;  // some ten microseconds: longer than the gap between two layers

  /// Fewer workers than asked for is no error: the pieces are shared among those there are.
  void grow(int wanted) {
    while (static_cast<int>(workers_.size()) < wanted) {
      auto worker = std::make_unique<Worker>();
      Worker* self = worker.get();
      try {
        worker->thread = std::thread([this, self] { serve(*self); });
      } catch (const std::system_error&) {
        return;
      }
      workers_.push_back(std::move(worker));
    }
  }

  void serve(Worker& self) {
    for (;;) {
      int seen = self.state.load(std::memory_order_acquire);
      for (int i = spin_.load(std::memory_order_relaxed); seen == kIdle && i > 0; --i) {
        pause();
        seen = self.state.load(std::memory_order_acquire);
      }
      if (seen == kIdle) self.state.wait(kIdle, std::memory_order_acquire);
      int posted = kPosted;
      if (self.state.compare_exchange_strong(posted, kRunning)) {
        job_.work();
        self.state.store(kIdle, std::memory_order_release);
      } else if (posted == kQuit) {
        return;
      }
    }
  }

  static void finish(Worker& worker) {
    int posted = kPosted;
    if (worker.state.compare_exchange_strong(posted, kIdle)) return;
    for (int i = 0; worker.state.load(std::memory_order_acquire) == kRunning; ++i) {
      if (i < kSpins) {
        pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

  std::mutex busy_;
  Job job_;
  std::atomic<int> spin_{kSpins};
  int cpus_ = available_cpus();
  std::vector<std::unique_ptr<Worker>> workers_;
};

Pool* current = nullptr;

/// In a forked child the workers do not exist: forget the pool (its memory stays with the dead threads) and begin anew.
void after_fork() { current = new Pool; }

/// Never destroyed: at exit other threads may still be computing.
Pool& pool() {
  static const bool ready = [] {
    current = new Pool;
    pthread_atfork(nullptr, nullptr, after_fork);
    std::atexit([] { current->stop(); });
    return true;
  }();
  (void)ready;
  return *current;
}

std::atomic<int> chosen_threads{0};
thread_local int limit = 0;
thread_local bool inside = false;

}  // namespace

int default_num_threads() {
  if (const char* text = std::getenv("NNCORE_NUM_THREADS")) {
    const long n = std::strtol(text, nullptr, 10);
    if (n >= 1 && n <= kMaxThreads) return static_cast<int>(n);
  }
  return available_cpus();
}

int num_threads() {
  int n = chosen_threads.load();
  if (n == 0) {
    n = default_num_threads();
    chosen_threads.store(n);
  }
  return n;
}

void set_num_threads(int n) { chosen_threads.store(n < kMaxThreads ? n : kMaxThreads); }

ThreadLimit::ThreadLimit(int n) : previous_(limit) {
  if (n > 0) limit = n;
}
ThreadLimit::~ThreadLimit() { limit = previous_; }

namespace detail {

void run_pieces(int64_t pieces, void (*piece)(void*, int64_t), void* context) {
  const int threads = limit > 0 ? limit : num_threads();
  if (threads > 1 && !inside) {
    inside = true;  // a piece that shares out work of its own does it alone
    const bool done = pool().run(threads, pieces, piece, context);
    inside = false;
    if (done) return;
  }
  for (int64_t i = 0; i < pieces; ++i) piece(context, i);
}

}  // namespace detail
}  // namespace nncore
