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

#include "nncore/buffer.hpp"

#ifdef __linux__
#include <sched.h>
#endif

namespace nncore {
namespace {

constexpr int kMaxThreads = 256;

/// The CPUs this process may run on, capped by the cgroup CPU quota.
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
  void (*task)(void*, int64_t) = nullptr;
  void* context = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};

  void work() {
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < tasks;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      task(context, i);
    }
  }
};

/// A worker goes idle (and asleep) -> posted (by the caller) -> running (and awaited) -> idle. A caller may take a
/// posted job back, so it never waits for a thread that the system has not scheduled yet.
enum State : int { kIdle, kAsleep, kPosted, kRunning, kAwaited, kQuit };

struct Worker {
  alignas(kCacheLine) std::atomic<int> state{kIdle};
  std::thread thread;

  /// Wakes the thread that waits for another state; no system call when none does.
  void set(State next) {
    const int before = state.exchange(next);
    if (before == kAsleep || before == kAwaited) state.notify_one();
  }
};

using Clock = std::chrono::steady_clock;

/// When other processes compete for the CPUs, a worker may be preempted in the middle of a task, and the caller waits
/// for the scheduler, milliseconds. After such a wait the callers run single-threaded for 40 times as long (at most
/// 0.5 s), so that these waits stay below 3 % of the time.
class Backoff {
 public:
  bool active() {
    if (!active_) return false;
    active_ = Clock::now() < until_;
    return active_;
  }
  /// Notes a wait since `from` in a job begun at `begin`. Two threads that share a job evenly do not wait longer than
  /// 0.1 ms and twice the caller's own work.
  void waited(Clock::time_point begin, Clock::time_point from) {
    const auto now = Clock::now();
    const auto wait = now - from, work = from - begin;
    if (wait < kShort + 2 * work) return;
    active_ = true;
    until_ = now + std::min<Clock::duration>(kTimes * wait, kLongest);
  }

 private:
  static constexpr Clock::duration kShort = std::chrono::microseconds(100), kLongest = std::chrono::milliseconds(500);
  static constexpr int kTimes = 40;
  bool active_ = false;
  Clock::time_point until_{};
};

class Pool {
 public:
  /// Ends the workers; later jobs run on their callers' threads alone.
  void stop() {
    busy_.lock();  // never unlocked
    for (auto& worker : workers_) {
      worker->set(kQuit);
      worker->thread.join();
    }
  }

  /// False when another thread is using the pool, or while it backs off; the caller then runs all tasks itself.
  bool run(int threads, int64_t tasks, void (*task)(void*, int64_t), void* context) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock.owns_lock() || backoff_.active()) return false;
    grow(threads - 1);
    spin_.store(threads <= cpus_ ? kSpins : 0, std::memory_order_relaxed);
    job_.task = task;
    job_.context = context;
    job_.tasks = tasks;
    job_.next.store(0, std::memory_order_relaxed);
    const auto begin = Clock::now();
    const std::size_t helpers = std::min({static_cast<std::size_t>(threads - 1), workers_.size(),
                                          static_cast<std::size_t>(tasks - 1)});
    for (std::size_t i = 0; i < helpers; ++i) workers_[i]->set(kPosted);
    job_.work();
    for (std::size_t i = 0; i < helpers; ++i) finish(*workers_[i], begin);
    return true;
  }

 private:
  static constexpr int kSpins = 4000;  // tens of microseconds: longer than the gap between two layers

  /// Where the system allows no more threads, the tasks are shared among the workers there are.
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
      if (i == kFreeSpins) from = Clock::now();
      pause();
      if (worker.state.load(std::memory_order_acquire) != kRunning) {
        if (i > kFreeSpins) backoff_.waited(begin, from);
        return;
      }
    }
    // The worker may be preempted, perhaps on this CPU: sleep until it is done.
    int running = kRunning;
    if (worker.state.compare_exchange_strong(running, kAwaited)) worker.state.wait(kAwaited);
    backoff_.waited(begin, from);
  }

  static constexpr int kFreeSpins = 100;  // a few microseconds, too short a wait to count

  std::mutex busy_;
  Job job_;
  Backoff backoff_;
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

void run_tasks(int64_t tasks, void (*task)(void*, int64_t), void* context) {
  const int threads = limit > 0 ? limit : num_threads();
  if (threads > 1 && !inside) {
    inside = true;  // a nested job runs on this thread alone
    const bool done = pool().run(threads, tasks, task, context);
    inside = false;
    if (done) return;
  }
  for (int64_t i = 0; i < tasks; ++i) task(context, i);
}

}  // namespace detail
}  // namespace nncore
