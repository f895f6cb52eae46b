#include "nncore/model.hpp"

#include <algorithm>
#include <map>
#include <new>

#include "nncore/initializer.hpp"
#include "nncore/rng.hpp"

namespace nncore {
namespace {

/// Sizes of one parameter fit an int64; those of a whole model may not.
int64_t checked_sum(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) throw std::bad_alloc();
  return sum;
}

template <class T>
int64_t trained_size(Layer<T>& layer) {
  int64_t n = 0;
  for (const auto& p : layer.parameters()) n = checked_sum(n, p.role == Role::buffer ? 0 : p.shape.size());
  return n;
}

/// Fresh storage for one layer, its parameters at `offset` of the block.
template <class T>
std::shared_ptr<Storage<T>> allocate(Layer<T>& layer, const std::shared_ptr<Block<T>>& block, int64_t offset) {
  auto storage = std::make_shared<Storage<T>>();
  storage->block = block;
  int64_t n_buffers = 0;
  for (const auto& p : layer.parameters()) n_buffers += p.role == Role::buffer ? p.shape.size() : 0;
  storage->buffers = std::make_shared<Buffer<T>>(n_buffers);
  int64_t buffer_offset = 0;
  for (const auto& p : layer.parameters()) {
    if (p.role == Role::buffer) {
      storage->values.push_back(storage->buffers->data() + buffer_offset);
      storage->grads.push_back(nullptr);
      buffer_offset += p.shape.size();
    } else {
      storage->values.push_back(block->values.data() + offset);
      storage->grads.push_back(block->grads.data() + offset);
      offset += p.shape.size();
    }
  }
  return storage;
}

template <class To, class From>
void copy_values(Layer<To>& layer, const Storage<From>& from, const Storage<To>& to) {
  for (std::size_t k = 0; k < layer.parameters().size(); ++k) {
    const int64_t n = layer.parameters()[k].shape.size();
    std::transform(from.values[k], from.values[k] + n, to.values[k], [](From v) { return static_cast<To>(v); });
  }
}

}  // namespace

template <class T>
Model<T>::Model(std::vector<Place> places, uint64_t seed, std::optional<Normalization<T>> input)
    : places_(std::move(places)), input_(std::move(input)), seed_(seed) {
  for (const Place& place : places_) {
    layers_.push_back(make<Layer<T>>(place.handle->spec));
    layers_.back()->set_label(place.handle->spec.name, place.name);
  }
  place_storage();
  collect();
  outputs_.resize(layers_.size() + 1);
  activations_.resize(layers_.size() + 1);
}

/// Gives each layer memory: shared where its handle has some already, else new in one block.
template <class T>
void Model<T>::place_storage() {
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  std::vector<std::size_t> fresh;  // places whose handle gets memory now
  std::vector<LayerHandle*> seen;
  int64_t total = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    LayerHandle* handle = places_[i].handle.get();
    if (std::find(seen.begin(), seen.end(), handle) != seen.end()) continue;
    seen.push_back(handle);
    if (!handle->provisional && handle->storage<T>()) continue;
    if (!handle->provisional && handle->storage<Other>()) {
      throw ConfigError(layers_[i]->label() + " belongs to a model of the other dtype; copy() that model first");
    }
    fresh.push_back(i);
    total = checked_sum(total, trained_size(*layers_[i]));
  }
  auto block = std::make_shared<Block<T>>();
  block->values.reserve(total);
  block->grads.reserve(total);
  std::vector<std::shared_ptr<Storage<T>>> made;
  int64_t offset = 0;
  for (const std::size_t i : fresh) {
    made.push_back(allocate(*layers_[i], block, offset));
    offset += trained_size(*layers_[i]);
  }
  for (std::size_t f = 0; f < fresh.size(); ++f) {  // from here on nothing throws but bad_alloc in fill
    const std::size_t i = fresh[f];
    LayerHandle& handle = *places_[i].handle;
    auto& parameters = layers_[i]->parameters();
    for (std::size_t k = 0; k < parameters.size(); ++k) {
      parameters[k].value = made[f]->values[k];
      parameters[k].grad = made[f]->grads[k];
    }
    if (handle.f32) {
      copy_values(*layers_[i], *handle.f32, *made[f]);
    } else if (handle.f64) {
      copy_values(*layers_[i], *handle.f64, *made[f]);
    } else {
      for (auto& p : parameters) fill(p, places_[i].name + "." + p.name, seed_);
    }
  }
  for (std::size_t f = 0; f < fresh.size(); ++f) {
    LayerHandle& handle = *places_[fresh[f]].handle;
    handle.f32.reset();
    handle.f64.reset();
    handle.storage<T>() = made[f];
    handle.provisional = false;
    ++handle.generation;
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    storages_.push_back(places_[i].handle->template storage<T>());
    const Storage<T>& storage = *storages_.back();
    auto& parameters = layers_[i]->parameters();
    for (std::size_t k = 0; k < parameters.size(); ++k) {
      parameters[k].value = storage.values[k];
      parameters[k].grad = storage.grads[k];
    }
  }
}

/// Lists every parameter once, finds whether they are contiguous, and which index each place's parameters have.
template <class T>
void Model<T>::collect() {
  std::map<const T*, std::size_t> known;
  contiguous_ = true;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    first_parameter_.push_back(trained_.size());
    parameter_index_.emplace_back();
    for (auto& p : layers_[i]->parameters()) {
      const bool buffer = p.role == Role::buffer;
      auto& list = buffer ? buffers_ : trained_;
      const auto [at, is_new] = known.try_emplace(p.value, list.size());
      parameter_index_.back().push_back(at->second);
      if (!is_new) continue;
      list.push_back(&p);
      (buffer ? buffer_names_ : trained_names_).push_back(places_[i].name + "." + p.name);
      if (buffer) continue;
      if (flat_values_ == nullptr) {
        flat_values_ = p.value;
        flat_grads_ = p.grad;
      }
      contiguous_ = contiguous_ && p.value == flat_values_ + n_values_;
      n_values_ += p.shape.size();
    }
  }
}

template <class T>
void Model<T>::fill(Parameter<T>& parameter, const std::string& name, uint64_t seed) {
  std::vector<double> values(static_cast<std::size_t>(parameter.shape.size()));
  const Stream stream(seed, "init " + name);
  make<Initializer>(*parameter.init)->fill(parameter.shape, parameter.fan, stream, values.data());
  std::transform(values.begin(), values.end(), parameter.value, [](double v) { return static_cast<T>(v); });
}

template <class T>
void Model<T>::initialize(uint64_t seed) {
  seed_ = seed;
  for (std::size_t i = 0; i < trained_.size(); ++i) fill(*trained_[i], trained_names_[i], seed);
  for (std::size_t i = 0; i < buffers_.size(); ++i) fill(*buffers_[i], buffer_names_[i], seed);
  zero_grad();
}

template <class T>
void Model<T>::zero_grad() {
  for (Parameter<T>* p : trained_) std::fill_n(p->grad, p->shape.size(), T(0));
}

template <class T>
const std::vector<Shape>& Model<T>::build(const Shape& sample, const std::string& N) {
  if (!shapes_.empty() && sample == built_for_) return shapes_;
  if (input_ && input_->step() == 1 && static_cast<int64_t>(input_->mean.size()) != sample.size()) {
    throw ShapeError(expected("[Normalize]", "x", "samples of " + std::to_string(input_->mean.size()) + " features",
                              sample.str_with_batch(N.c_str())));
  }
  shapes_.clear();
  can_backward_ = false;
  std::vector<Shape> shapes{sample};
  for (auto& layer : layers_) shapes.push_back(layer->build_for(N, shapes.back()));
  built_for_ = sample;
  shapes_ = std::move(shapes);
  return shapes_;
}

template class Model<float>;
template class Model<double>;

}  // namespace nncore
