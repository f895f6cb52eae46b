#include "nncore/data.hpp"

#include <algorithm>
#include <vector>

#include "kernels/reduce/reduce.hpp"
#include "train/augment.hpp"

namespace nncore {
namespace {

/// Samples of D elements, one after the other. D = 1 and D = 2 are common and too short for a call each.
template <class V>
void copy_samples(const V* from, int64_t D, const BatchIndices& indices, V* to) {
  if (D == 1) {
    for (int64_t i = 0; i < indices.count; ++i) to[i] = from[indices.order[i]];
  } else if (D == 2) {
    for (int64_t i = 0; i < indices.count; ++i) {
      to[2 * i] = from[2 * indices.order[i]];
      to[2 * i + 1] = from[2 * indices.order[i] + 1];
    }
  } else {
    for (int64_t i = 0; i < indices.count; ++i) std::copy_n(from + indices.order[i] * D, D, to + i * D);
  }
}

}  // namespace

template <class T>
const T* SampleBatch<T>::gather(const Model<T>& model, const Samples<T>& x, const BatchIndices& indices) {
  const int64_t D = x.shape.row_size();
  const auto& norm = model.input();
  const bool ready = !norm || x.is_normalized;
  if (ready && indices.order == nullptr) return x.values + indices.first * D;
  T* to = values_.reserve(indices.count * D);
  if (ready) {
    copy_samples(x.values, D, indices, to);
    return to;
  }
  for (int64_t i = 0; i < indices.count; ++i) {
    if (x.bytes != nullptr) {  // bytes never reach a model without Normalize
      normalize(*norm, D, x.bytes + indices[i] * D, to + i * D);
    } else if (x.doubles != nullptr) {
      normalize_exactly(*norm, D, x.doubles + indices[i] * D, to + i * D);
    } else {
      normalize(*norm, D, x.values + indices[i] * D, to + i * D);
    }
  }
  return to;
}

template <class T>
const T* SampleBatch<T>::gather_moved(const Model<T>& model, const Samples<T>& x, const BatchIndices& indices,
                                      const Augmentation& augmentation, const Stream& stream) {
  const int64_t C = x.shape[1], H = x.shape[2], W = x.shape[3], D = C * H * W;
  const auto& norm = model.input();
  T* to = values_.reserve(indices.count * D);
  T* image = moved_.reserve(D);
  uint8_t* bytes = moved_bytes_.reserve(x.bytes != nullptr ? D : 0);
  double* doubles = moved_doubles_.reserve(x.doubles != nullptr ? D : 0);
  for (int64_t i = 0; i < indices.count; ++i) {
    const Move move = move_of(augmentation, stream, i);
    if (x.bytes != nullptr) {
      move_image(move, C, H, W, x.bytes + indices[i] * D, bytes);
      normalize(*norm, D, bytes, to + i * D);
    } else if (x.doubles != nullptr) {
      move_image(move, C, H, W, x.doubles + indices[i] * D, doubles);
      normalize_exactly(*norm, D, doubles, to + i * D);
    } else {
      move_image(move, C, H, W, x.values + indices[i] * D, norm ? image : to + i * D);
      if (norm) normalize(*norm, D, image, to + i * D);
    }
  }
  return to;
}

template <class T>
void normalize_exactly(const Normalization<T>& norm, int64_t n, const double* x, T* y) {
  const std::vector<double>&mean = norm.exact_mean, &factor = norm.exact_inverse_std;
  const auto one = [&](double given, std::size_t at) {
    const T held = static_cast<T>(given);
    if (static_cast<double>(held) == given && !norm.exact_alone[at]) return (held - norm.mean[at]) * norm.inverse_std[at];
    return static_cast<T>((given - mean[at]) * factor[at]);
  };
  const std::size_t D = mean.size();
  if (D == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] = one(x[i], 0);
    return;
  }
  for (int64_t first = 0; first < n; first += static_cast<int64_t>(D)) {
    for (std::size_t at = 0; at < D; ++at) {
      y[first + static_cast<int64_t>(at)] = one(x[first + static_cast<int64_t>(at)], at);
    }
  }
}

template <class T>
void SampleBatch<T>::normalize(const Normalization<T>& norm, int64_t D, const T* x, T* y) const {
  kernels<T>().reduce.normalize(D, x, norm.mean.data(), norm.inverse_std.data(), norm.step(), y);
}
template <class T>
void SampleBatch<T>::normalize(const Normalization<T>& norm, int64_t D, const uint8_t* x, T* y) const {
  kernels<T>().reduce.normalize_u8(D, x, norm.mean.data(), norm.inverse_std.data(), norm.step(), y);
}

template <class T>
Target<T> TargetBatch<T>::gather(const Target<T>& y, const BatchIndices& indices) {
  Target<T> batch{nullptr, nullptr, y.shape.first(indices.count), nullptr};
  const auto take = [&](const auto* from, int64_t D, auto& own) {
    if (from == nullptr || indices.order == nullptr) return from == nullptr ? from : from + indices.first * D;
    auto* to = own.reserve(indices.count * D);
    copy_samples(from, D, indices, to);
    return const_cast<decltype(from)>(to);
  };
  const int64_t D = y.shape.row_size();
  batch.labels = take(y.labels, D, labels_);
  batch.values = take(y.values, D, values_);
  batch.weights = take(y.weights, 1, weights_);
  return batch;
}

template void normalize_exactly(const Normalization<float>&, int64_t, const double*, float*);
template void normalize_exactly(const Normalization<double>&, int64_t, const double*, double*);
template class SampleBatch<float>;
template class SampleBatch<double>;
template class TargetBatch<float>;
template class TargetBatch<double>;

}  // namespace nncore
