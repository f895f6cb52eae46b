/// Running a model: layer by layer, and in inference.
#include <algorithm>

#include "kernels/reduce/reduce.hpp"
#include "model/inference.hpp"
#include "model/layerwise.hpp"
#include "nncore/model.hpp"

namespace nncore {

template <class T>
const std::vector<Shape>& Model<T>::build_for(View<const T> x) {
  if (x.shape.rank() < 1) throw ShapeError(expected(where(), "x", "(N, …)", x.shape.str()));
  return build(x.shape.sample(), std::to_string(x.batch()));
}

template <class T>
View<const T> Model<T>::forward(View<const T> x, const Pass& pass, bool is_normalized) {
  build_for(x);
  if (pass.training) check_training(x.batch());
  can_backward_ = false;
  if (input_ && !is_normalized) return forward_normalized(normalized(x), pass);
  if (!pass.training) return forward_normalized(x, pass);
  T* own = normalized_.reserve(x.size());
  std::copy_n(x.data, x.size(), own);
  return forward_normalized({own, x.shape}, pass);
}

/// x as the first layer gets it.
template <class T>
View<const T> Model<T>::normalized(View<const T> x) {
  if (!input_) return x;
  const int64_t D = x.shape.sample().size();
  T* own = normalized_.reserve(x.size());
  for (int64_t i = 0; i < x.size(); i += D) {
    kernels<T>().reduce.normalize(D, x.data + i, input_->mean.data(), input_->inverse_std.data(), input_->step(),
                                  own + i);
  }
  return {own, x.shape};
}

template <class T>
int64_t Model<T>::micro_batch(const Shape& sample, int64_t N) {
  if (!inference_ || !(inference_->sample() == sample)) inference_ = std::make_unique<Inference<T>>(*this, sample);
  const auto needs_all = [](const ModelNode<T>& node) { return node.layer->needs_full_batch(); };
  const bool whole = std::any_of(nodes_.begin(), nodes_.end(), needs_all);
  return whole ? N : std::min(N, inference_->micro_batch());
}

template <class T>
View<const T> Model<T>::infer_normalized(View<const T> x) {
  micro_batch(x.shape.sample(), x.batch());
  return inference_->run(x.batch(), x.data);
}

template <class T>
void Model<T>::infer(View<const T> x, T* y, bool is_normalized) {
  const Shape sample = x.shape.sample();
  const int64_t N = x.batch(), size = micro_batch(sample, N);
  for (int64_t first = 0; first < N; first += size) {
    const Shape shape = sample.with_batch(std::min(size, N - first));
    const View<const T> piece{x.data + first * sample.size(), shape};
    const View<const T> z = infer_normalized(is_normalized ? piece : normalized(piece));
    y = std::copy_n(z.data, z.size(), y);
  }
}

template <class T>
View<const T> Model<T>::forward_normalized(View<const T> x, const Pass& pass) {
  const Shape sample = x.shape.sample();
  build(sample);
  can_backward_ = false;
  if (!layerwise_ || !(layerwise_->sample() == sample)) layerwise_ = std::make_unique<Layerwise<T>>(*this, sample);
  const View<const T> z = layerwise_->forward(x, pass);
  can_backward_ = pass.training;
  changes_at_forward_ = changes();
  return z;
}

template <class T>
View<T> Model<T>::backward(View<const T> dy, const std::function<void(std::size_t, View<const T>)>& visit) {
  if (!can_backward_) {
    throw StateError(where() + " backward needs a forward(x, training=True) before it; net(x) keeps nothing");
  }
  if (changes_at_forward_ != changes()) {
    throw StateError(where() + " backward needs a forward(x, training=True) before it: the parameters have changed since "
                     "the last one, by a fit, a step or an assignment");
  }
  const Shape last = value(nodes_.size()).shape;
  if (!(dy.shape == last)) throw ShapeError(expected(where(), "dy", last.str(), dy.shape.str()));
  const View<T> dx = layerwise_->backward(dy, visit);
  for (Parameter<T>* p : trained_) {
    if (!p->learns()) std::fill_n(p->grad, p->shape.size(), T(0));
  }
  if (input_) {
    const int64_t D = dx.shape.sample().size();
    for (int64_t i = 0; i < dx.size(); ++i) {
      dx.data[i] *= input_->inverse_std[static_cast<std::size_t>(input_->step() * (i % D))];
    }
  }
  return dx;
}

template <class T>
View<const T> Model<T>::value(std::size_t i) const {
  return layerwise_->value(i);
}

template View<const float> Model<float>::forward(View<const float>, const Pass&, bool);
template View<const double> Model<double>::forward(View<const double>, const Pass&, bool);
template const std::vector<Shape>& Model<float>::build_for(View<const float>);
template const std::vector<Shape>& Model<double>::build_for(View<const double>);
template int64_t Model<float>::micro_batch(const Shape&, int64_t);
template int64_t Model<double>::micro_batch(const Shape&, int64_t);
template View<const float> Model<float>::infer_normalized(View<const float>);
template View<const double> Model<double>::infer_normalized(View<const double>);
template void Model<float>::infer(View<const float>, float*, bool);
template void Model<double>::infer(View<const double>, double*, bool);
template View<const float> Model<float>::forward_normalized(View<const float>, const Pass&);
template View<const double> Model<double>::forward_normalized(View<const double>, const Pass&);
template View<float> Model<float>::backward(View<const float>,
                                            const std::function<void(std::size_t, View<const float>)>&);
template View<double> Model<double>::backward(View<const double>,
                                              const std::function<void(std::size_t, View<const double>)>&);
template View<const float> Model<float>::value(std::size_t) const;
template View<const double> Model<double>::value(std::size_t) const;

}  // namespace nncore
