/// AccessGuard: a readers-writer lock that refuses instead of waiting. A second thread that would read half-written
/// numbers gets a StateError that names the call of the first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace nncore {

enum class Access { read, write };

/// Memory that several guards may have, a layer's parameters.
struct GuardedMemory {
  int64_t changes = 0;  ///< how often it has been changed
};

/// Guards some objects for as long as it lives: for many threads that read, or for one that writes. Guards of one thread
/// refuse each other only where a call that computes with a model would begin another: a callback, or a layer written in
/// Python, may do what its fit may.
class AccessGuard {
 public:
  /// `what`: the call, "Trainer.fit". `model`: the one that the call computes with, or null. `memory`: sorted by
  /// address. `what` and `memory` outlive the guard. Throws StateError.
  AccessGuard(std::string_view what, Access access, const void* model, std::span<GuardedMemory* const> memory);
  ~AccessGuard();
  AccessGuard(const AccessGuard&) = delete;
  AccessGuard& operator=(const AccessGuard&) = delete;

  /// Until `resume`, calls from this thread (a callback's) may compute with the model; other threads still may not.
  void suspend() { computing_ = false; }
  void resume() { computing_ = model_ != nullptr; }

 private:
  void check(const AccessGuard& other) const;
  bool shares(const AccessGuard& other) const;
  void leave();
  static void drop_readers_of_other_threads();

  std::string_view what_;
  Access access_;
  const void* model_;
  bool computing_;  // read and written by its thread alone
  std::thread::id thread_;
  std::span<GuardedMemory* const> memory_;
  AccessGuard *before_ = nullptr, *after_ = nullptr;
};

/// The message of a refusal: what = "Sequential.forward" gives "[Sequential] forward: the model is in use by …".
std::string in_use(std::string_view what, std::string_view by);

}  // namespace nncore
