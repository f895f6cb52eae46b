#include "nncore/data.hpp"

#include <algorithm>

#include "kernels/table.hpp"

namespace nncore {

template <class T>
void gather_samples(const Model<T>& model, const Samples<T>& x, const int64_t* rows, int64_t first, int64_t count,
                    T* to) {
  const int64_t D = x.shape.sample().size();
  const auto& norm = model.input();
  for (int64_t i = 0; i < count; ++i, to += D) {
    const int64_t row = (rows != nullptr ? rows[i] : first + i) * D;
    if (x.bytes != nullptr) {  // bytes never reach a model without Normalize
      kernels<T>().normalize_u8(D, x.bytes + row, norm->mean.data(), norm->inverse_std.data(), norm->step(), to);
    } else if (norm) {
      kernels<T>().normalize(D, x.values + row, norm->mean.data(), norm->inverse_std.data(), norm->step(), to);
    } else {
      std::copy_n(x.values + row, D, to);
    }
  }
}

template <class T>
Target<T> TargetBatch<T>::gather(const Target<T>& y, const int64_t* rows, int64_t first, int64_t count) {
  const int64_t D = y.shape.sample().size();
  Target<T> batch{nullptr, nullptr, y.shape.sample().with_batch(count)};
  const auto copy = [&](const auto* from, auto* to) {
    for (int64_t i = 0; i < count; ++i) std::copy_n(from + (rows != nullptr ? rows[i] : first + i) * D, D, to + i * D);
  };
  if (y.labels != nullptr) {
    copy(y.labels, labels_.reserve(count * D));
    batch.labels = labels_.data();
  } else {
    copy(y.values, values_.reserve(count * D));
    batch.values = values_.data();
  }
  return batch;
}

template void gather_samples(const Model<float>&, const Samples<float>&, const int64_t*, int64_t, int64_t, float*);
template void gather_samples(const Model<double>&, const Samples<double>&, const int64_t*, int64_t, int64_t, double*);
template class TargetBatch<float>;
template class TargetBatch<double>;

}  // namespace nncore
