#include "nncore/access_guard.hpp"

#include <pthread.h>

#include <functional>
#include <mutex>

#include "nncore/error.hpp"

namespace nncore {
namespace {

std::mutex mutex;
// All live guards are a list, linked through before_: entering one allocates nothing.
AccessGuard* newest = nullptr;

}  // namespace

AccessGuard::AccessGuard(std::string_view what, Access access, const void* model,
                         std::span<GuardedMemory* const> memory)
    : what_(what), access_(access), model_(model), computing_(model != nullptr), thread_(std::this_thread::get_id()),
      memory_(memory) {
  static const int ready = pthread_atfork(nullptr, nullptr, drop_readers_of_other_threads);
  static_cast<void>(ready);
  const std::lock_guard lock(mutex);
  for (const AccessGuard* other = newest; other != nullptr; other = other->before_) check(*other);
  before_ = newest;
  if (newest != nullptr) newest->after_ = this;
  newest = this;
}

AccessGuard::~AccessGuard() {
  const std::lock_guard lock(mutex);
  leave();
}

void AccessGuard::leave() {
  (after_ != nullptr ? after_->before_ : newest) = before_;
  if (before_ != nullptr) before_->after_ = after_;
}

/// In a forked child, where other threads do not exist. What one of them was writing stays guarded.
void AccessGuard::drop_readers_of_other_threads() {
  for (AccessGuard* guard = newest; guard != nullptr;) {
    AccessGuard* const next = guard->before_;
    if (guard->access_ == Access::read && guard->thread_ != std::this_thread::get_id()) guard->leave();
    guard = next;
  }
}

void AccessGuard::check(const AccessGuard& other) const {
  if (thread_ == other.thread_) {
    if (computing_ && other.computing_ && model_ == other.model_) {
      throw StateError(in_use(what_, std::string(other.what_)));
    }
  } else if ((access_ == Access::write || other.access_ == Access::write) && shares(other)) {
    throw StateError(in_use(what_, std::string("another thread (").append(other.what_).append(")")));
  }
}

bool AccessGuard::shares(const AccessGuard& other) const {
  if (model_ != nullptr && model_ == other.model_) return true;
  const std::less<const GuardedMemory*> before;
  for (std::size_t i = 0, j = 0; i < memory_.size() && j < other.memory_.size();) {
    if (memory_[i] == other.memory_[j]) return true;
    before(memory_[i], other.memory_[j]) ? ++i : ++j;
  }
  return false;
}

std::string in_use(std::string_view what, std::string_view by) {
  const std::string_view where = what.substr(0, what.find('.'));
  std::string text = "[";
  text.append(where).append("] ").append(what.substr(where.size() + 1));
  return text.append(": the model is in use by ").append(by);
}

}  // namespace nncore
