#include "nncore/access_guard.hpp"

#include <functional>
#include <mutex>

#include "nncore/error.hpp"

namespace nncore {
namespace {

std::mutex mutex;
// All live guards are a list, linked through before_: entering one allocates nothing.
AccessGuard* newest = nullptr;

bool share(std::span<const void* const> a, std::span<const void* const> b) {
  const std::less<const void*> before;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) return true;
    before(a[i], b[j]) ? ++i : ++j;
  }
  return false;
}

}  // namespace

AccessGuard::AccessGuard(std::string_view what, Access access, const void* own, std::span<const void* const> shared)
    : what_(what), access_(access), own_(own), thread_(std::this_thread::get_id()), shared_(shared) {
  const std::lock_guard lock(mutex);
  for (const AccessGuard* other = newest; other != nullptr; other = other->before_) {
    if (!other->refuses(*this)) continue;
    throw StateError(in_use(what_, std::string("another thread (").append(other->what_).append(")")));
  }
  before_ = newest;
  if (newest != nullptr) newest->after_ = this;
  newest = this;
}

AccessGuard::~AccessGuard() {
  const std::lock_guard lock(mutex);
  (after_ != nullptr ? after_->before_ : newest) = before_;
  if (before_ != nullptr) before_->after_ = after_;
}

bool AccessGuard::refuses(const AccessGuard& other) const {
  if (thread_ == other.thread_) return false;
  const bool writes = access_ == Access::write || other.access_ == Access::write;
  return (own_ != nullptr && own_ == other.own_) || (writes && share(shared_, other.shared_));
}

std::string in_use(std::string_view what, std::string_view by) {
  const std::string_view where = what.substr(0, what.find('.'));
  std::string text = "[";
  text.append(where).append("] ").append(what.substr(where.size() + 1));
  return text.append(": the model is in use by ").append(by);
}

}  // namespace nncore
