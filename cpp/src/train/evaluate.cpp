#include <algorithm>

#include "nncore/thread_pool.hpp"

#include "nncore/trainer.hpp"

namespace nncore {
namespace {

template <class T>
int64_t argmax(const T* values, int64_t C) {
  int64_t best = 0;
  for (int64_t c = 1; c < C; ++c) {
    if (values[c] > values[best]) best = c;
  }
  return best;
}

}  // namespace

template <class T>
int64_t count_correct(Link link, View<const T> z, const Target<T>& y) {
  const int64_t N = z.batch();
  int64_t correct = 0;
  if (link == Link::sign) {
    for (int64_t n = 0; n < N; ++n) correct += (z.data[n] >= 0) == (y.values[n] > 0);
    return correct;
  }
  if (link != Link::softmax && link != Link::log_softmax) return -1;
  const int64_t C = z.shape[1];
  for (int64_t n = 0; n < N; ++n) {
    const int64_t wanted = y.labels != nullptr ? y.labels[n] : argmax(y.values + n * C, C);
    correct += argmax(z.data + n * C, C) == wanted;
  }
  return correct;
}

/// In inference, in pieces that bound memory; the mean is weighted by the pieces' sizes.
template <class T>
Evaluation Trainer<T>::evaluate(const Dataset<T>& data, bool accuracy) {
  constexpr int64_t kPiece = 512;
  const ThreadLimit threads(options_.num_threads);
  const int64_t N = data.size();
  const Shape sample = data.x.shape.sample();
  Evaluation result;
  int64_t correct = 0;
  SampleBatch<T> samples;
  TargetBatch<T> targets;
  for (int64_t first = 0; first < N; first += kPiece) {
    const int64_t count = std::min(kPiece, N - first);
    const Rows rows{nullptr, first, count};
    const T* x = samples.gather(model_, data.x, rows);
    const View<const T> z = model_.forward_normalized({x, sample.with_batch(count)}, Pass{});
    const Target<T> y = targets.gather(data.y, rows);
    result.loss += loss_->value_and_gradient(z, y, nullptr) * static_cast<double>(count);
    if (accuracy) correct += count_correct(loss_->link(), z, y);
  }
  result.loss /= static_cast<double>(N);
  const bool classes = loss_->link() == Link::sign || loss_->link() == Link::softmax || loss_->link() == Link::log_softmax;
  if (accuracy && classes) result.accuracy = static_cast<double>(correct) / static_cast<double>(N);
  return result;
}

template int64_t count_correct(Link, View<const float>, const Target<float>&);
template int64_t count_correct(Link, View<const double>, const Target<double>&);
template Evaluation Trainer<float>::evaluate(const Dataset<float>&, bool);
template Evaluation Trainer<double>::evaluate(const Dataset<double>&, bool);

}  // namespace nncore
