#include <algorithm>
#include <cmath>

#include "nncore/thread_pool.hpp"

#include "nncore/trainer.hpp"

namespace nncore {

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
  result.accuracy = score.accuracy();
  for (const Metric<T>& metric : requested.metrics) result.metrics.push_back(metric.value(all, data.y));
  return result;
}

template <class T>
Evaluation Trainer<T>::evaluate(const Dataset<T>& data, const RequestedMetrics<T>& requested) {
  const ThreadLimit threads(options_.num_threads);
  const ExecutionContext<T> context(model_);
  return nncore::evaluate(*context, *loss_, data, requested, outputs_);
}

template Evaluation evaluate(Model<float>&, Loss<float>&, const Dataset<float>&, const RequestedMetrics<float>&,
                             Buffer<float>&);
template Evaluation evaluate(Model<double>&, Loss<double>&, const Dataset<double>&, const RequestedMetrics<double>&,
                             Buffer<double>&);
template Evaluation Trainer<float>::evaluate(const Dataset<float>&, const RequestedMetrics<float>&);
template Evaluation Trainer<double>::evaluate(const Dataset<double>&, const RequestedMetrics<double>&);

}  // namespace nncore
