/// AccessGuard: a readers-writer lock that refuses instead of waiting. A second thread that would read half-written
/// numbers gets a StateError that names the call of the first.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace nncore {

enum class Access { read, write };

/// Guards some objects for as long as it lives. Guards of one thread never refuse each other: a callback, or a layer
/// written in Python, may do what its fit may.
class AccessGuard {
 public:
  /// `what`: the call, "Trainer.fit". `own`: an object for this guard alone, or null. `shared`: objects, sorted by
  /// address, that several guards may have while all of them read. `what` and `shared` outlive the guard. Throws
  /// StateError.
  AccessGuard(std::string_view what, Access access, const void* own, std::span<const void* const> shared);
  ~AccessGuard();
  AccessGuard(const AccessGuard&) = delete;
  AccessGuard& operator=(const AccessGuard&) = delete;

 private:
  bool refuses(const AccessGuard& other) const;

  std::string_view what_;
  Access access_;
  const void* own_;
  std::thread::id thread_;
  std::span<const void* const> shared_;
  AccessGuard *before_ = nullptr, *after_ = nullptr;
};

/// The message of a refusal: what = "Sequential.forward" gives "[Sequential] forward: the model is in use by …".
std::string in_use(std::string_view what, std::string_view by);

}  // namespace nncore
