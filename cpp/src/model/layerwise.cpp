/// The layerwise way: one layer after the other, every output kept.
#include <algorithm>

#include "kernels/reduce/reduce.hpp"
#include "model/inference.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
const std::vector<Shape>& Model<T>::build_for(View<const T> x) {
  if (x.shape.rank() < 1) throw ShapeError(expected("[Sequential]", "x", "(N, …)", x.shape.str()));
  return build(x.shape.sample(), std::to_string(x.batch()));
}

template <class T>
View<const T> Model<T>::forward(View<const T> x, const Pass& pass) {
  build_for(x);
  if (pass.training) check_training(x.batch());
  can_backward_ = false;
  if (input_) return forward_normalized(normalized(x), pass);
  if (!pass.training) return forward_normalized(x, pass);
  T* own = outputs_[0].reserve(x.size());
  std::copy_n(x.data, x.size(), own);
  return forward_normalized({own, x.shape}, pass);
}

/// x as the first layer gets it.
template <class T>
View<const T> Model<T>::normalized(View<const T> x) {
  if (!input_) return x;
  const int64_t D = x.shape.sample().size();
  T* own = outputs_[0].reserve(x.size());
  for (int64_t i = 0; i < x.size(); i += D) {
    kernels<T>().reduce.normalize(D, x.data + i, input_->mean.data(), input_->inverse_std.data(), input_->step(),
                                  own + i);
  }
  return {own, x.shape};
}

template <class T>
int64_t Model<T>::micro_batch(const Shape& sample, int64_t N) {
  if (!inference_ || !(inference_->sample() == sample)) inference_ = std::make_unique<Inference<T>>(*this, sample);
  const bool whole = std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->needs_full_batch(); });
  return whole ? N : std::min(N, inference_->micro_batch());
}

template <class T>
View<const T> Model<T>::infer_normalized(View<const T> x) {
  micro_batch(x.shape.sample(), x.batch());
  can_backward_ = false;
  return inference_->worthwhile() ? inference_->run(x.batch(), x.data) : forward_normalized(x, {});
}

template <class T>
void Model<T>::infer(View<const T> x, T* y) {
  const Shape sample = x.shape.sample();
  const int64_t N = x.batch(), size = micro_batch(sample, N);
  forget();
  for (int64_t first = 0; first < N; first += size) {
    const Shape shape = sample.with_batch(std::min(size, N - first));
    const View<const T> z = infer_normalized(normalized({x.data + first * sample.size(), shape}));
    y = std::copy_n(z.data, z.size(), y);
  }
}

template <class T>
View<const T> Model<T>::forward_normalized(View<const T> x, const Pass& pass) {
  const int64_t N = x.batch();
  const auto& shapes = build(x.shape.sample());
  can_backward_ = false;
  activations_[0] = x;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Shape shape = shapes[i + 1].with_batch(N);
    const View<T> y{outputs_[i + 1].reserve(shape.size()), shape};
    layers_[i]->forward(activations_[i], y, pass);
    activations_[i + 1] = y;
  }
  can_backward_ = pass.training;
  return activations_.back();
}

template <class T>
View<T> Model<T>::backward(View<const T> dy, const std::function<void(std::size_t, View<const T>)>& visit) {
  if (!can_backward_) {
    throw StateError("[Sequential] backward needs a forward(x, training=True) before it; net(x) keeps nothing");
  }
  const View<const T> last = activations_.back();
  if (!(dy.shape == last.shape)) {
    throw ShapeError(expected("[Sequential]", "dy", last.shape.str(), dy.shape.str()));
  }
  int64_t largest = 0;
  for (const auto& a : activations_) largest = std::max(largest, a.size());
  T* from = upstream_.reserve(largest);
  T* to = downstream_.reserve(largest);
  std::copy_n(dy.data, dy.size(), from);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    if (visit) visit(i, {from, activations_[i + 1].shape});
    layers_[i]->backward({from, activations_[i + 1].shape}, {to, activations_[i].shape});
    std::swap(from, to);
  }
  const View<T> dx{from, activations_[0].shape};
  if (input_) {
    const int64_t D = dx.shape.sample().size();
    for (int64_t i = 0; i < dx.size(); ++i) {
      dx.data[i] *= input_->inverse_std[static_cast<std::size_t>(input_->step() * (i % D))];
    }
  }
  return dx;
}

template <class T>
View<const T> Model<T>::activation(int i) const {
  return activations_[static_cast<std::size_t>(i + 1)];
}

template View<const float> Model<float>::forward(View<const float>, const Pass&);
template View<const double> Model<double>::forward(View<const double>, const Pass&);
template const std::vector<Shape>& Model<float>::build_for(View<const float>);
template const std::vector<Shape>& Model<double>::build_for(View<const double>);
template int64_t Model<float>::micro_batch(const Shape&, int64_t);
template int64_t Model<double>::micro_batch(const Shape&, int64_t);
template View<const float> Model<float>::infer_normalized(View<const float>);
template View<const double> Model<double>::infer_normalized(View<const double>);
template void Model<float>::infer(View<const float>, float*);
template void Model<double>::infer(View<const double>, double*);
template View<const float> Model<float>::forward_normalized(View<const float>, const Pass&);
template View<const double> Model<double>::forward_normalized(View<const double>, const Pass&);
template View<float> Model<float>::backward(View<const float>,
                                            const std::function<void(std::size_t, View<const float>)>&);
template View<double> Model<double>::backward(View<const double>,
                                              const std::function<void(std::size_t, View<const double>)>&);
template View<const float> Model<float>::activation(int) const;
template View<const double> Model<double>::activation(int) const;

}  // namespace nncore
