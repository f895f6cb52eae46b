#include <algorithm>
#include <cmath>

#include "nncore/thread_pool.hpp"

#include "nncore/trainer.hpp"

namespace nncore {

namespace {

/// The metrics of the samples that count: those with an ignored label are left out.
template <class T>
void measure(const Loss<T>& loss, View<const T> z, const Target<T>& y, const RequestedMetrics<T>& requested,
             std::vector<double>& values) {
  const std::optional<int64_t> ignored = loss.ignored_label();
  const int64_t N = z.batch(), C = z.shape.row_size();
  const bool rows = ignored && y.labels != nullptr && y.shape.rank() == 1;
  const int64_t left = rows ? N - std::count(y.labels, y.labels + N, *ignored) : N;
  std::vector<T> outputs;
  std::vector<int64_t> labels;
  std::vector<double> weights;
  if (left < N) {
    for (int64_t n = 0; n < N; ++n) {
      if (y.labels[n] == *ignored) continue;
      labels.push_back(y.labels[n]);
      if (y.weights != nullptr) weights.push_back(y.weights[n]);
      outputs.insert(outputs.end(), z.data + n * C, z.data + (n + 1) * C);
    }
    z = {outputs.data(), z.shape.first(left)};
  }
  const double* counts = weights.empty() ? nullptr : weights.data();
  const Target<T> counted = left < N ? Target<T>{labels.data(), nullptr, y.shape.first(left), counts} : y;
  const bool none = left == 0 || !counted.any_weight();
  for (const Metric<T>& metric : requested.metrics) {
    values.push_back(none ? std::nan("") : metric.value(requested.meaning, z, counted));
  }
}

}  // namespace

template <class T>
Evaluation evaluate(Model<T>& replica, Loss<T>& loss, const Dataset<T>& data, const RequestedMetrics<T>& requested,
                    Buffer<T>& outputs) {
  const int64_t N = data.size();
  const Shape sample = data.x.shape.sample(), out = replica.build(sample).back();
  SampleBatch<T> samples;
  T* z = outputs.reserve(N * out.size());
  const int64_t size = replica.micro_batch(sample, N);
  for (int64_t first = 0; first < N; first += size) {
    const int64_t count = std::min(size, N - first);
    const T* x = samples.gather(replica, data.x, {nullptr, first, count});
    const View<const T> piece = replica.infer_normalized({x, sample.with_batch(count)});
    std::copy_n(piece.data, piece.size(), z + first * out.size());
  }
  const View<const T> all{z, out.with_batch(N)};
  Evaluation result;
  result.loss = loss.value_and_gradient(all, data.y, nullptr);
  Score score;
  const bool with_nan = loss.user_defined() || std::isnan(result.loss);
  if (requested.accuracy) add_score(requested.reading, all, data.y, score, with_nan);
  result.accuracy = requested.accuracy_of(score);
  if (!requested.metrics.empty()) measure<T>(loss, all, data.y, requested, result.metrics);
  return result;
}

template <class T>
Evaluation Trainer<T>::evaluate(const Dataset<T>& data, const RequestedMetrics<T>& requested, int64_t batch) {
  const ThreadLimit threads(options_.num_threads);
  const ExecutionContext<T> context(model_);
  Evaluation result = nncore::evaluate(*context, *loss_, data, requested, outputs_);
  if (loss_->sums()) result.loss *= static_cast<double>(batch) / static_cast<double>(data.size());
  return result;
}

template Evaluation evaluate(Model<float>&, Loss<float>&, const Dataset<float>&, const RequestedMetrics<float>&,
                             Buffer<float>&);
template Evaluation evaluate(Model<double>&, Loss<double>&, const Dataset<double>&, const RequestedMetrics<double>&,
                             Buffer<double>&);
template Evaluation Trainer<float>::evaluate(const Dataset<float>&, const RequestedMetrics<float>&, int64_t);
template Evaluation Trainer<double>::evaluate(const Dataset<double>&, const RequestedMetrics<double>&, int64_t);

}  // namespace nncore
