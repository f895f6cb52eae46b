#include "nncore/fit_result.hpp"

#include <algorithm>

namespace nncore {

/// Adds a number that is kept only if its step is a multiple of the stride; a full trace drops every second one.
void Trace::add_thinned(double value) {
  const int64_t index = count_++;
  if (index % stride_ != 0) return;
  if (values_.size() == kMaxValues) {
    const std::size_t odd = static_cast<std::size_t>(first() / stride_ % 2);  // 1: the first number is dropped, too
    for (std::size_t i = odd; i < kMaxValues; i += 2) values_[i / 2] = values_[i];
    values_.resize(kMaxValues / 2);
    stride_ *= 2;
    if (index % stride_ != 0) return;
  }
  values_.push_back(value);
}

void Trace::cut(int64_t count) {
  count_ = first_ + count;
  const int64_t kept = std::max<int64_t>(0, (count_ + stride_ - 1) / stride_ - first() / stride_);
  values_.resize(std::min(values_.size(), static_cast<std::size_t>(kept)));
}

}  // namespace nncore
