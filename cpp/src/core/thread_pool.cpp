#include "nncore/thread_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
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

/// A worker goes idle (and asleep) -> posted (by the caller) -> running (and awaited) -> idle; a caller may take a posted
/// job back, so it never waits for a thread that the system has not scheduled yet.
enum State : int { kIdle, kAsleep, kPosted, kRunning, kAwaited, kQuit };

struct Worker {
  alignas(64) std::atomic<int> state{kIdle};
  std::thread thread;

  /// Wakes whoever sleeps until there is another state: no system call when nobody does.
  void set(State next) {
    const int before = state.exchange(next);
    if (before == kAsleep || before == kAwaited) state.notify_one();
  }
};

using Clock = std::chrono::steady_clock;

/// Where another process wants the CPU too, a worker may be stopped in the middle of a piece, and its caller waits for
/// a turn of the scheduler, milliseconds. After such a wait the callers work alone for a while that makes it a few
/// percent of the time.
class Patience {
 public:
  bool alone() {
    if (!alone_) return false;
    alone_ = Clock::now() < until_;
    return alone_;
  }
  /// A wait that began at `from`, longer than the caller worked itself, is none of two threads that share evenly.
  void waited(Clock::time_point begin, Clock::time_point from) {
    const auto now = Clock::now();
    const auto wait = now - from, work = from - begin;
    if (wait < kShort + 2 * work) return;
    alone_ = true;
    until_ = now + std::min<Clock::duration>(kTimes * wait, kLongest);
  }

 private:
  static constexpr Clock::duration kShort = std::chrono::microseconds(100), kLongest = std::chrono::milliseconds(500);
  static constexpr int kTimes = 40;
  bool alone_ = false;
  Clock::time_point until_{};
};

class Pool {
 public:
  /// Ends the workers; whoever computes on does it alone.
  void stop() {
    busy_.lock();  // for good
    for (auto& worker : workers_) {
      worker->set(kQuit);
      worker->thread.join();
    }
  }

  /// False when another thread is using the pool, or when it does not pay now; the caller then does the work alone.
  bool run(int threads, int64_t pieces, void (*piece)(void*, int64_t), void* context) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock.owns_lock() || patience_.alone()) return false;
    grow(threads - 1);
    spin_.store(threads <= cpus_ ? kSpins : 0, std::memory_order_relaxed);
    job_.piece = piece;
    job_.context = context;
    job_.pieces = pieces;
    job_.next.store(0, std::memory_order_relaxed);
    const auto begin = Clock::now();
    const std::size_t helpers = std::min({static_cast<std::size_t>(threads - 1), workers_.size(),
                                          static_cast<std::size_t>(pieces - 1)});
    for (std::size_t i = 0; i < helpers; ++i) workers_[i]->set(kPosted);
    job_.work();
    for (std::size_t i = 0; i < helpers; ++i) finish(*workers_[i], begin);
    return true;
  }

 private:
  static constexpr int kSpins = 4000;  // tens of microseconds: longer than the gap between two layers

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
      int idle = kIdle;
      if (self.state.compare_exchange_strong(idle, kAsleep)) self.state.wait(kAsleep, std::memory_order_acquire);
      int posted = kPosted;
      if (self.state.compare_exchange_strong(posted, kRunning)) {
        job_.work();
        self.set(kIdle);
      } else if (posted == kQuit) {
        return;
      }
    }
  }

  void finish(Worker& worker, Clock::time_point begin) {
    int posted = kPosted;
    if (worker.state.compare_exchange_strong(posted, kIdle)) return;
    Clock::time_point from;
    for (int i = 0; i < kSpins; ++i) {
      if (i == kSoon) from = Clock::now();
      pause();
      if (worker.state.load(std::memory_order_acquire) != kRunning) {
        if (i > kSoon) patience_.waited(begin, from);
        return;
      }
    }
    // The worker may be stopped, perhaps on this very CPU: leave it to him.
    int running = kRunning;
    if (worker.state.compare_exchange_strong(running, kAwaited)) worker.state.wait(kAwaited);
    patience_.waited(begin, from);
  }

  static constexpr int kSoon = 100;  // a few microseconds, of which no account is taken

  std::mutex busy_;
  Job job_;
  Patience patience_;
  std::atomic<int> spin_{kSpins};
  int cpus_ = available_cpus();
  std::vector<std::unique_ptr<Worker>> workers_;
};

Pool* current_pool = nullptr;

/// In a forked child the workers do not exist: forget the pool (its memory stays with the dead threads) and begin anew.
void after_fork() { current_pool = new Pool; }

/// Never destroyed: at exit other threads may still be computing.
Pool& pool() {
  static const bool ready = [] {
    current_pool = new Pool;
    pthread_atfork(nullptr, nullptr, after_fork);
    std::atexit([] { current_pool->stop(); });
    return true;
  }();
  (void)ready;
  return *current_pool;
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
