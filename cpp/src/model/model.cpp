#include "nncore/model.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <new>

#include "model/inference.hpp"
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
int64_t trained_size(std::span<Parameter<T>> parameters) {
  int64_t n = 0;
  for (const auto& p : parameters) n = checked_sum(n, p.role == Role::buffer ? 0 : p.shape.size());
  return n;
}

/// Fresh storage for one layer, its parameters at `offset` of the block.
template <class T>
std::shared_ptr<Storage<T>> allocate(std::span<Parameter<T>> parameters, const std::shared_ptr<Block<T>>& block,
                                     int64_t offset) {
  auto storage = std::make_shared<Storage<T>>();
  storage->block = block;
  int64_t n_buffers = 0;
  for (const auto& p : parameters) n_buffers += p.role == Role::buffer ? p.shape.size() : 0;
  storage->buffers = std::make_shared<Buffer<T>>(n_buffers);
  int64_t buffer_offset = 0;
  for (const auto& p : parameters) {
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
void copy_values(std::span<Parameter<To>> parameters, const Storage<From>& from, const Storage<To>& to) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const int64_t n = parameters[k].shape.size();
    std::transform(from.values[k], from.values[k] + n, to.values[k], [](From v) { return static_cast<To>(v); });
  }
}

template <class T>
void point_to(std::span<Parameter<T>> parameters, const Storage<T>& storage) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    parameters[k].value = storage.values[k];
    parameters[k].grad = storage.grads[k];
  }
}

/// f(handle, number of parameters) for the leaves below a handle, whose layer is given.
template <class T, class F>
void each_leaf_of(LayerHandle& handle, Layer<T>& layer, const F& f) {
  if (handle.children.empty()) return f(handle, layer.parameters().size());
  const auto layers = layer.children();
  for (std::size_t i = 0; i < layers.size(); ++i) each_leaf_of(*handle.children[i], *layers[i], f);
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

template <class T>
Model<T>::~Model() = default;

template <class T>
std::vector<typename Model<T>::Leaf> Model<T>::leaves() {
  std::vector<Leaf> leaves;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    std::span<Parameter<T>> rest(layers_[i]->parameters());
    each_leaf_of(*places_[i].handle, *layers_[i], [&](LayerHandle& handle, std::size_t n) {
      leaves.push_back({&handle, i, rest.first(n)});
      rest = rest.subspan(n);
    });
  }
  return leaves;
}

/// Gives each layer memory: shared where its handle has some already, else new in one block.
template <class T>
void Model<T>::place_storage() {
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  std::vector<Leaf> all = leaves(), fresh;  // fresh: those whose handle gets memory now
  std::vector<LayerHandle*> seen;
  int64_t total = 0;
  for (const Leaf& leaf : all) {
    LayerHandle* handle = leaf.handle;
    if (std::find(seen.begin(), seen.end(), handle) != seen.end()) continue;
    seen.push_back(handle);
    if (!handle->provisional && handle->storage<T>()) continue;
    if (!handle->provisional && handle->storage<Other>()) {
      throw ConfigError(layers_[leaf.place]->label() + " belongs to a model of the other dtype; copy() that model first");
    }
    fresh.push_back(leaf);
    total = checked_sum(total, trained_size(leaf.parameters));
  }
  auto block = std::make_shared<Block<T>>();
  block->values.reserve(total);
  block->grads.reserve(total);
  std::vector<std::shared_ptr<Storage<T>>> made;
  int64_t offset = 0;
  for (const Leaf& leaf : fresh) {
    made.push_back(allocate(leaf.parameters, block, offset));
    offset += trained_size(leaf.parameters);
  }
  for (std::size_t f = 0; f < fresh.size(); ++f) {  // from here on nothing throws but bad_alloc in fill
    const Leaf& leaf = fresh[f];
    point_to(leaf.parameters, *made[f]);
    if (leaf.handle->f32) {
      copy_values(leaf.parameters, *leaf.handle->f32, *made[f]);
    } else if (leaf.handle->f64) {
      copy_values(leaf.parameters, *leaf.handle->f64, *made[f]);
    } else {
      for (auto& p : leaf.parameters) fill(p, places_[leaf.place].name + "." + p.name, seed_);
    }
  }
  for (std::size_t f = 0; f < fresh.size(); ++f) {
    LayerHandle& handle = *fresh[f].handle;
    handle.f32.reset();
    handle.f64.reset();
    handle.storage<T>() = made[f];
    handle.provisional = false;
    ++handle.generation;
  }
  for (const Leaf& leaf : all) {
    storages_.push_back(leaf.handle->template storage<T>());
    point_to(leaf.parameters, *storages_.back());
    if (!storages_.back()->values.empty()) shared_.push_back(storages_.back().get());
  }
  std::sort(shared_.begin(), shared_.end(), std::less<>());
}

/// Lists every parameter once, finds whether they are contiguous, and which index each place's parameters have.
template <class T>
void Model<T>::collect() {
  std::map<const T*, std::size_t> known;
  contiguous_ = true;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    trained_of_.emplace_back();
    for (auto& p : layers_[i]->parameters()) {
      const bool buffer = p.role == Role::buffer;
      auto& list = buffer ? buffers_ : trained_;
      const auto [at, is_new] = known.try_emplace(p.value, list.size());
      if (!buffer) trained_of_.back().push_back(at->second);
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
