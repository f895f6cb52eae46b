#include "nncore/data.hpp"

#include <algorithm>

#include "kernels/table.hpp"
#include "train/augment.hpp"

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
    if (x.bytes != nullptr) {  // bytes never reach a model without Normalize
      normalize(*norm, D, x.bytes + rows[i] * D, to + i * D);
    } else {
      normalize(*norm, D, x.values + rows[i] * D, to + i * D);
    }
  }
  return to;
}

template <class T>
const T* SampleBatch<T>::gather_moved(const Model<T>& model, const Samples<T>& x, const Rows& rows,
                                      const Augmentation& augmentation, const Stream& stream) {
  const int64_t C = x.shape[1], H = x.shape[2], W = x.shape[3], D = C * H * W;
  const auto& norm = model.input();
  T* to = values_.reserve(rows.count * D);
  T* image = moved_.reserve(D);
  uint8_t* bytes = moved_bytes_.reserve(x.bytes != nullptr ? D : 0);
  for (int64_t i = 0; i < rows.count; ++i) {
    const Move move = move_of(augmentation, stream, i);
    if (x.bytes != nullptr) {
      move_image(move, C, H, W, x.bytes + rows[i] * D, bytes);
      normalize(*norm, D, bytes, to + i * D);
    } else {
      move_image(move, C, H, W, x.values + rows[i] * D, norm ? image : to + i * D);
      if (norm) normalize(*norm, D, image, to + i * D);
    }
  }
  return to;
}

template <class T>
void SampleBatch<T>::normalize(const Normalization<T>& norm, int64_t D, const T* x, T* y) const {
  kernels<T>().normalize(D, x, norm.mean.data(), norm.inverse_std.data(), norm.step(), y);
}
template <class T>
void SampleBatch<T>::normalize(const Normalization<T>& norm, int64_t D, const uint8_t* x, T* y) const {
  kernels<T>().normalize_u8(D, x, norm.mean.data(), norm.inverse_std.data(), norm.step(), y);
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
