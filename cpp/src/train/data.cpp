#include "nncore/data.hpp"

#include <algorithm>

#include "kernels/table.hpp"

namespace nncore {
namespace {

/// Rows of D elements, one after the other. Short rows are common and not worth a call each.
template <class V>
void copy_rows(const V* from, int64_t D, const Rows& rows, V* to) {
  if (D == 1) {
    for (int64_t i = 0; i < rows.count; ++i) to[i] = from[rows.order[i]];
  } else if (D == 2) {
    for (int64_t i = 0; i < rows.count; ++i) {
      to[2 * i] = from[2 * rows.order[i]];
      to[2 * i + 1] = from[2 * rows.order[i] + 1];
    }
  } else {
    for (int64_t i = 0; i < rows.count; ++i) std::copy_n(from + rows.order[i] * D, D, to + i * D);
  }
}

}  // namespace

template <class T>
const T* SampleBatch<T>::gather(const Model<T>& model, const Samples<T>& x, const Rows& rows) {
  const int64_t D = x.shape.row_size();
  const auto& norm = model.input();
  if (!norm && rows.order == nullptr) return x.values + rows.first * D;
  T* to = values_.reserve(rows.count * D);
  if (!norm) {
    copy_rows(x.values, D, rows, to);
    return to;
  }
  for (int64_t i = 0; i < rows.count; ++i) {
    const int64_t at = (rows.order != nullptr ? rows.order[i] : rows.first + i) * D;
    if (x.bytes != nullptr) {  // bytes never reach a model without Normalize
      kernels<T>().normalize_u8(D, x.bytes + at, norm->mean.data(), norm->inverse_std.data(), norm->step(), to + i * D);
    } else {
      kernels<T>().normalize(D, x.values + at, norm->mean.data(), norm->inverse_std.data(), norm->step(), to + i * D);
    }
  }
  return to;
}

template <class T>
Target<T> TargetBatch<T>::gather(const Target<T>& y, const Rows& rows) {
  const int64_t D = y.shape.row_size();
  Target<T> batch{nullptr, nullptr, y.shape.first(rows.count)};
  const auto take = [&](const auto* from, auto& own) {
    if (from == nullptr || rows.order == nullptr) return from == nullptr ? from : from + rows.first * D;
    auto* to = own.reserve(rows.count * D);
    copy_rows(from, D, rows, to);
    return const_cast<decltype(from)>(to);
  };
  batch.labels = take(y.labels, labels_);
  batch.values = take(y.values, values_);
  return batch;
}

template class SampleBatch<float>;
template class SampleBatch<double>;
template class TargetBatch<float>;
template class TargetBatch<double>;

}  // namespace nncore
