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
void add_score(Link link, View<const T> z, const Target<T>& y, Score& score) {
  if (link == Link::identity) return;
  const int64_t N = z.batch();
  if (link == Link::sigmoid || (link == Link::sign && z.size() == N)) {  // each output is a yes or no
    if (y.shape.size() != z.size()) return;  // a user-defined loss may take targets of any shape
    const double threshold = link == Link::sign ? 0.0 : 0.5;
    for (int64_t i = 0; i < z.size(); ++i) score.correct += (z.data[i] >= 0) == (y.number(i) > threshold);
    score.counted += z.size();
    return;
  }
  const bool classes = z.shape.rank() == 2 && (y.labels != nullptr ? y.shape.size() == N : y.shape == z.shape);
  if (!classes) return;
  const int64_t C = z.shape[1];
  if (C == 2 && y.labels != nullptr) {  // the same without branches, which could not be predicted
    int64_t counted = 0, correct = 0;
    for (int64_t n = 0; n < N; ++n) {
      const uint64_t label = static_cast<uint64_t>(y.labels[n]);
      const bool second = z.data[2 * n + 1] > z.data[2 * n];
      counted += label < 2;
      correct += label == static_cast<uint64_t>(second);
    }
    score.counted += counted;
    score.correct += correct;
    return;
  }
  for (int64_t n = 0; n < N; ++n) {
    const int64_t wanted = y.labels != nullptr ? y.labels[n] : argmax(y.values + n * C, C);
    if (wanted < 0 || wanted >= C) continue;
    ++score.counted;
    score.correct += argmax(z.data + n * C, C) == wanted;
  }
}

/// Inference in micro-batches, which bound the memory of the layers; the loss gets all outputs at once.
template <class T>
Evaluation Trainer<T>::evaluate(const Dataset<T>& data, const RequestedMetrics<T>& requested) {
  const ThreadLimit threads(options_.num_threads);
  const int64_t N = data.size();
  const Shape sample = data.x.shape.sample(), out = model_.build(sample).back();
  SampleBatch<T> samples;
  T* z = outputs_.reserve(N * out.size());
  const int64_t size = model_.micro_batch(sample, N);
  for (int64_t first = 0; first < N; first += size) {
    const int64_t count = std::min(size, N - first);
    const T* x = samples.gather(model_, data.x, {nullptr, first, count});
    const View<const T> piece = model_.infer_normalized({x, sample.with_batch(count)});
    std::copy_n(piece.data, piece.size(), z + first * out.size());
  }
  const View<const T> all{z, out.with_batch(N)};
  Evaluation result;
  result.loss = loss_->value_and_gradient(all, data.y, nullptr);
  Score score;
  if (requested.accuracy) add_score(loss_->link(), all, data.y, score);
  result.accuracy = score.accuracy();
  for (const Metric<T>& metric : requested.metrics) result.metrics.push_back(metric.value(all, data.y));
  return result;
}

template void add_score(Link, View<const float>, const Target<float>&, Score&);
template void add_score(Link, View<const double>, const Target<double>&, Score&);
template Evaluation Trainer<float>::evaluate(const Dataset<float>&, const RequestedMetrics<float>&);
template Evaluation Trainer<double>::evaluate(const Dataset<double>&, const RequestedMetrics<double>&);

}  // namespace nncore
