#include "plan/online.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise/elementwise.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/small_nets/online.hpp"
#include "kernels/softmax/softmax.hpp"
#include "plan/planned_parameter.hpp"

namespace nncore {

/// Packs a matrix in rows of n numbers, `ld` apart, with zeros between; the natural order has no gaps and may be that
/// of the transpose.
template <class T>
class Online<T>::RowPacking final : public Packing<T> {
 public:
  RowPacking(int64_t rows, int64_t n, int64_t ld, bool transposed)
      : rows_(rows), n_(n), ld_(ld), transposed_(transposed) {}

  int64_t size() const { return rows_ * ld_; }
  void pack(int, const T* natural, T* packed) const override {
    std::fill_n(packed, size(), T(0));
    each([&](int64_t here, int64_t there) { packed[here] = natural[there]; });
  }
  void unpack(int, const T* packed, T* natural) const override {
    each([&](int64_t here, int64_t there) { natural[there] = packed[here]; });
  }

 private:
  template <class F>
  void each(F f) const {
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t i = 0; i < n_; ++i) f(r * ld_ + i, transposed_ ? i * rows_ + r : r * n_ + i);
  }

  int64_t rows_, n_, ld_;
  bool transposed_;
};

template <class T>
bool Online<T>::suits(Model<T>& model, const Shape& sample) {
  constexpr int64_t kMaxWeights = 4096;  // with more, the kernels for batches are as fast
  int64_t weights = 0;
  bool after_affine = false;
  for (std::size_t i = 0; i < model.n_nodes(); ++i) {
    Layer<T>& layer = model.layer(i);
    if (const Affine affine = layer.affine()) {
      weights += affine.K * affine.C;
      after_affine = true;
    } else if (layer.elementwise() && after_affine) {
      after_affine = false;
    } else {
      return false;
    }
  }
  return model.is_chain() && sample.rank() == 1 && weights > 0 && weights <= kMaxWeights;
}

template <class T>
Online<T>::Online(Model<T>& model, Optimizer<T>& optimizer, Loss<T>& loss, bool check_finite)
    : optimizer_(optimizer), loss_(loss), check_finite_(check_finite), plain_sgd_(optimizer.is_plain_sgd()) {
  std::vector<Elementwise<T>> functions;
  std::vector<bool> with_bias;
  const auto padded = [&](int64_t n) { return plain_sgd_ ? whole_registers<T>(n) : n; };
  const auto add = [&](int64_t rows, int64_t length, bool transposed) {
    packings_.push_back(std::make_unique<RowPacking>(rows, length, padded(length), transposed));
    ranges_.push_back({n_, packings_.back()->size()});
    n_ += ranges_.back().n;
  };
  for (std::size_t i = 0; i < model.n_nodes(); ++i) {
    const Affine affine = model.layer(i).affine();
    if (!affine) {
      functions.back() = model.layer(i).elementwise();
      continue;
    }
    const auto [K, C, bias] = affine;
    // With outputs in lanes, dx is a sum across lanes for each of K inputs, and the first layer has no dx; with inputs
    // in lanes, y is one for each of C outputs.
    const bool outputs_in_lanes = layers_.empty() || C >= 4 * K;
    layers_.push_back({});
    layers_.back().K = K, layers_.back().C = C, layers_.back().outputs_in_lanes = outputs_in_lanes;
    functions.emplace_back();
    add(outputs_in_lanes ? K : C, outputs_in_lanes ? C : K, outputs_in_lanes);
    if (bias) add(1, C, false);
    with_bias.push_back(bias);
  }
  place_buffers(functions, with_bias);
}

template <class T>
Online<T>::~Online() = default;

template <class T>
void Online<T>::place_parameter(std::size_t i, PlannedParameter<T>& p) {
  const Range& range = ranges_[i];
  p.packing = packings_[i].get();
  p.w = w_.data() + range.offset;
  for (int k = 0; k < optimizer_.n_states(); ++k) p.state[k] = state_[k] + range.offset;
  p.n = range.n;
}

template <class T>
void Online<T>::place_buffers(const std::vector<Elementwise<T>>& functions, const std::vector<bool>& with_bias) {
  T* const w = w_.reserve(n_);
  T* const g = plain_sgd_ ? nullptr : g_.reserve(n_);
  T* const memory = state_memory_.reserve(n_ * optimizer_.n_states());
  for (int k = 0; k < optimizer_.n_states(); ++k) state_[k] = memory + k * n_;
  int64_t room = 0;
  for (const OnlineLayer<T>& layer : layers_) room += 3 * whole_registers<T>(layer.C);
  T* at = buffers_.reserve(room);
  const auto take = [&](int64_t C) { return std::exchange(at, at + whole_registers<T>(C)); };
  std::size_t next = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    OnlineLayer<T>& layer = layers_[i];
    const int64_t weight = ranges_[next++].offset;
    layer.w = w + weight, layer.dw = plain_sgd_ ? nullptr : g + weight;
    if (with_bias[i]) {
      const int64_t bias = ranges_[next++].offset;
      layer.b = w + bias, layer.db = plain_sgd_ ? nullptr : g + bias;
    }
    const Elementwise<T>& f = functions[i];
    layer.forward = f.forward, layer.backward = f.backward, layer.a = f.a, layer.from_z = f.from_x;
    layer.relu = f && f.forward == kernels<T>().elementwise.relu.forward;
    layer.y = take(layer.C), layer.dy = take(layer.C);
    layer.z = f.from_x ? take(layer.C) : layer.y;
  }
  outputs_shape_ = Shape{1, layers_.back().C};
  outputs_.reserve(kMaxSteps * layers_.back().C);
  rates_.reserve(kMaxSteps);
  if (!plain_sgd_) constants_.resize(kMaxSteps);
  losses_.resize(kMaxSteps);
  counts_.resize(kMaxSteps);
}

template <class T>
void Online<T>::loss_of_step(void* context, int64_t step, const T* z, T* dz) {
  Online& self = *static_cast<Online*>(context);
  Target<T> y{nullptr, nullptr, self.y_->shape.first(1), nullptr};
  if (self.y_->weights != nullptr) y.weights = self.y_->weights + step;
  const int64_t at = step * y.shape.size();
  if (self.y_->labels != nullptr) y.labels = self.y_->labels + at;
  else y.values = self.y_->values + at;
  const double value = self.loss_.value_and_gradient({z, self.outputs_shape_}, y, dz);
  const bool counts = !std::isnan(value) || self.loss_.any_counts(y);
  self.losses_[static_cast<std::size_t>(step)] = counts ? value : 0.0;
  self.counts_[static_cast<std::size_t>(step)] = counts;
}

template <class T>
bool Online<T>::update_of_step(void* context, int64_t step) {
  Online& self = *static_cast<Online*>(context);
  if (self.y_ != nullptr && self.y_->weights != nullptr && self.y_->weights[step] == 0) return true;
  const T* g = self.g_.data();
  const bool loss_finite = self.y_ == nullptr || std::isfinite(self.losses_[static_cast<std::size_t>(step)]);
  if (self.check_finite_ && !(loss_finite && kernels<T>().reduce.all_finite(self.n_, g))) return false;
  self.optimizer_.update(self.constants_[static_cast<std::size_t>(step)], self.n_, self.w_.data(), g, self.state_);
  return true;
}

template <class T>
void Online<T>::run(int64_t steps, const T* x, const Target<T>& y, StepResult* results) {
  for (int64_t k = 0; k < steps; ++k) {
    const StepConstants constants = optimizer_.begin_step();
    results[k].rate = constants.rate;
    if (plain_sgd_) rates_.data()[k] = static_cast<T>(constants.rate);
    else constants_[static_cast<std::size_t>(k)] = constants;
  }
  const bool cross_entropy = loss_.is_cross_entropy(y);
  y_ = cross_entropy ? nullptr : &y;
  const int64_t C = layers_.back().C;
  const OnlineRun<T> given = {layers_.data(), static_cast<int64_t>(layers_.size()), x, outputs_.data(),
                              cross_entropy ? y.labels : nullptr, loss_of_step,
                              plain_sgd_ ? rates_.data() : nullptr, update_of_step, this};
  const int64_t done = kernels<T>().online.run(given, steps);
  if (cross_entropy) kernels<T>().softmax.cross_entropy_values(steps, C, outputs_.data(), y.labels, losses_.data());
  const int64_t finite = done < 0 ? steps - 1 : done;  // the kernel does not say which step broke: the last is marked
  for (int64_t k = 0; k < steps; ++k) {
    results[k].loss = losses_[static_cast<std::size_t>(k)];
    results[k].counts = cross_entropy || counts_[static_cast<std::size_t>(k)] != 0;
    results[k].finite = !check_finite_ || (k < finite && std::isfinite(results[k].loss));
  }
}

template class Online<float>;
template class Online<double>;

}  // namespace nncore
