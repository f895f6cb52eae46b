/// Who computes with what. A second thread that would meet half-changed numbers is refused and told the name of the first.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace nncore {

/// One thread's use of some objects, for as long as the claim lives. The claims of one thread never refuse each other:
/// a callback, or a layer written in Python, may do what its fit may.
class Claim {
 public:
  /// `what`: "Trainer.fit". `own`: an object that nobody else may use meanwhile, or null. `shared`: objects, sorted by
  /// address, that others may use meanwhile where neither they nor this claim `writes` them. `what` and `shared`
  /// outlive the claim. Throws StateError.
  Claim(std::string_view what, bool writes, const void* own, std::span<const void* const> shared);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  bool refuses(const Claim& other) const;

  std::string_view what_;
  bool writes_;
  const void* own_;
  std::thread::id thread_;
  std::span<const void* const> shared_;
  Claim *before_ = nullptr, *after_ = nullptr;
};

/// The message of a refusal: what = "Sequential.forward" gives "[Sequential] forward: the model is in use by …".
std::string in_use(std::string_view what, std::string_view by);

}  // namespace nncore
