#include "nncore/model.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <new>

#include "model/inference.hpp"
#include "model/layerwise.hpp"
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

/// Floating-point operations for one number of a layer's output, roughly: a row of its weight.
template <class T>
double work_for_output(Layer<T>& layer) {
  double work = 8;
  for (const Parameter<T>& p : layer.parameters()) {
    if (p.role == Role::weight) work += 2 * static_cast<double>(p.shape.size()) / static_cast<double>(p.shape[0]);
  }
  return work;
}

template <class To, class From>
void copy_values(std::span<Parameter<To>> parameters, const Storage<From>& from, const Storage<To>& to) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const int64_t n = parameters[k].shape.size();
    std::transform(from.values[k], from.values[k] + n, to.values[k], [](From v) { return static_cast<To>(v); });
  }
}

template <class T>
void assign(const Parameter<T>& parameter, const std::vector<double>& values) {
  std::transform(values.begin(), values.end(), parameter.value, [](double v) { return static_cast<T>(v); });
}

template <class T>
void point_to(std::span<Parameter<T>> parameters, const Storage<T>& storage) {
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    parameters[k].value = storage.values[k];
    parameters[k].grad = storage.grads[k];
  }
}

}  // namespace

template <class T>
Model<T>::Model(std::vector<Place> places, uint64_t seed, std::optional<Normalization<T>> input,
                std::optional<Shape> input_shape, std::string kind)
    : places_(std::move(places)),
      input_(std::move(input)),
      seed_(seed),
      input_shape_(input_shape),
      kind_(std::move(kind)) {
  make_nodes();
  if (input_shape_) build(*input_shape_);  // before any layer gets memory
  place_storage();
  point_to_storage();
  collect();
}

template <class T>
Model<T>::Model(const Model* original)
    : places_(original->places_), storages_(original->storages_), input_(original->input_), seed_(original->seed_),
      input_shape_(original->input_shape_), kind_(original->kind_) {
  make_nodes();
  point_to_storage();
  collect();
}

template <class T>
Model<T>::~Model() = default;

template <class T>
void Model<T>::make_nodes() {
  value_of_.push_back(0);
  for (std::size_t p = 0; p < places_.size(); ++p) {
    std::vector<std::size_t> inputs;
    for (const std::size_t from : places_[p].inputs) inputs.push_back(value_of_.at(from));
    value_of_.push_back(expand(*places_[p].handle, places_[p].name, std::move(inputs), p));
  }
}

/// Adds the nodes of a layer and returns the value that it computes. Those of a container: the layers inside, one after
/// the other, and itself, which reads the container's input and the output of the last.
template <class T>
std::size_t Model<T>::expand(LayerHandle& handle, const std::string& name, std::vector<std::size_t> inputs,
                             std::size_t place) {
  std::size_t inside = inputs.empty() ? 0 : inputs[0];
  for (std::size_t i = 0; i < handle.children.size(); ++i) {
    inside = expand(*handle.children[i], name + "." + std::to_string(i), {inside}, place);
  }
  if (!handle.children.empty()) inputs.push_back(inside);
  auto layer = make<Layer<T>>(handle.spec);
  layer->set_label(handle.spec.name, name);
  layer->follow(handle.freezing);
  nodes_.push_back({name, &handle, std::move(layer), std::move(inputs), place, {}});
  return nodes_.size();
}

template <class T>
bool Model<T>::is_chain() const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].inputs != std::vector<std::size_t>{i}) return false;
  }
  return true;
}

template <class T>
std::string Model<T>::described(std::size_t node, const std::string& parameter, const char* what) const {
  const Place& place = places_[nodes_[node].place];
  const std::string inside = nodes_[node].name.substr(place.name.size());  // ".0" of "1.0"
  return nodes_[value_of(nodes_[node].place) - 1].layer->label() + " " + what +
         (inside.empty() ? parameter : inside.substr(1) + "." + parameter);
}

/// Nodes whose layer has no memory yet, or may give up what it has, of those that share it the first. Containers have
/// none.
template <class T>
std::vector<ModelNode<T>*> Model<T>::fresh_leaves() {
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  std::vector<ModelNode<T>*> fresh;
  std::vector<LayerHandle*> seen;
  for (ModelNode<T>& node : nodes_) {
    LayerHandle* handle = node.handle;
    if (!handle->children.empty() || std::find(seen.begin(), seen.end(), handle) != seen.end()) continue;
    seen.push_back(handle);
    if (!handle->provisional && handle->storage<T>()) continue;
    if (!handle->provisional && handle->storage<Other>()) {
      throw ConfigError(nodes_[value_of(node.place) - 1].layer->label() +
                        " belongs to a model of the other dtype; make both with the same, or convert that one by to()");
    }
    fresh.push_back(&node);
  }
  return fresh;
}

/// The handles take the memory made for them, with the numbers they had, or else filled from the seed.
template <class T>
void Model<T>::adopt(const std::vector<ModelNode<T>*>& fresh, const std::vector<std::shared_ptr<Storage<T>>>& made) {
  for (std::size_t f = 0; f < fresh.size(); ++f) {  // what throws in here, in Python or for want of memory, leaves the handles
    ModelNode<T>& node = *fresh[f];
    const std::span<Parameter<T>> parameters(node.layer->parameters());
    point_to(parameters, *made[f]);
    if (node.handle->f32) {
      copy_values(parameters, *node.handle->f32, *made[f]);
    } else if (node.handle->f64) {
      copy_values(parameters, *node.handle->f64, *made[f]);
    } else {
      for (auto& p : parameters) assign(p, first_values(p, node.name + "." + p.name, seed_));
    }
  }
  for (std::size_t f = 0; f < fresh.size(); ++f) {
    LayerHandle& handle = *fresh[f]->handle;
    handle.f32.reset();
    handle.f64.reset();
    handle.storage<T>() = made[f];
    handle.provisional = false;
    ++handle.generation;
  }
}

/// Gives each layer memory: shared where its handle has some already, else new in one block.
template <class T>
void Model<T>::place_storage() {
  const std::vector<ModelNode<T>*> fresh = fresh_leaves();
  int64_t total = 0;
  for (const ModelNode<T>* node : fresh) total = checked_sum(total, trained_size<T>(node->layer->parameters()));
  auto block = std::make_shared<Block<T>>();
  block->values.reserve(total);
  block->grads.reserve(total);
  std::vector<std::shared_ptr<Storage<T>>> made;
  int64_t offset = 0;
  for (const ModelNode<T>* node : fresh) {
    made.push_back(allocate<T>(node->layer->parameters(), block, offset));
    offset += trained_size<T>(node->layer->parameters());
  }
  adopt(fresh, made);
  for (const ModelNode<T>& node : nodes_) {
    if (node.handle->children.empty()) storages_.push_back(node.handle->template storage<T>());
  }
}

/// storages_ has one for each node that is no container.
template <class T>
void Model<T>::point_to_storage() {
  auto storage = storages_.begin();
  for (ModelNode<T>& node : nodes_) {
    if (!node.handle->children.empty()) continue;
    point_to<T>(node.layer->parameters(), **storage);
    if (!(*storage)->values.empty()) shared_.push_back(storage->get());
    ++storage;
  }
  std::sort(shared_.begin(), shared_.end(), std::less<>());
}

/// How often any of its parameters has been changed.
template <class T>
int64_t Model<T>::changes() const {
  int64_t sum = 0;
  for (const GuardedMemory* memory : shared_) sum += memory->changes;
  return sum;
}

/// Lists every parameter once, finds whether they are contiguous, and which index each node's parameters have.
template <class T>
void Model<T>::collect() {
  std::map<const T*, std::size_t> known;
  contiguous_ = true;
  for (ModelNode<T>& node : nodes_) {
    for (auto& p : node.layer->parameters()) {
      const bool buffer = p.role == Role::buffer;
      auto& list = buffer ? buffers_ : trained_;
      const auto [at, is_new] = known.try_emplace(p.value, list.size());
      if (!buffer) node.trained.push_back(at->second);
      if (!is_new) continue;
      list.push_back(&p);
      (buffer ? buffer_names_ : trained_names_).push_back(node.name + "." + p.name);
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

/// `name`: with that of its node.
template <class T>
std::vector<double> Model<T>::first_values(const Parameter<T>& parameter, const std::string& name,
                                           uint64_t seed) const {
  std::vector<double> values(static_cast<std::size_t>(parameter.shape.size()));
  const Stream stream(seed, "init " + name);
  std::string where;
  if (parameter.init->user_defined) {
    const std::string node = name.substr(0, name.size() - parameter.name.size() - 1);
    where = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.name == node; })->layer->label();
  }
  make<Initializer>(*parameter.init)
      ->fill_parameter(where, parameter.name + "_init", parameter.shape, parameter.fan, stream, values.data());
  return values;
}

template <class T>
void Model<T>::initialize(uint64_t seed) {
  std::vector<std::vector<double>> own(trained_.size());  // of what is written in Python, and may throw
  for (std::size_t i = 0; i < trained_.size(); ++i) {
    if (trained_[i]->init->user_defined) own[i] = first_values(*trained_[i], trained_names_[i], seed);
  }
  seed_ = seed;
  for (std::size_t i = 0; i < trained_.size(); ++i) {
    assign(*trained_[i], own[i].empty() ? first_values(*trained_[i], trained_names_[i], seed) : own[i]);
  }
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    assign(*buffers_[i], first_values(*buffers_[i], buffer_names_[i], seed));
  }
  zero_grad();
  parameters_changed();
}

template <class T>
std::size_t Model<T>::n_frozen() const {
  return static_cast<std::size_t>(std::count_if(trained_.begin(), trained_.end(), [](auto* p) { return !p->learns(); }));
}

template <class T>
void Model<T>::check_learns(const char* where) const {
  if (trained_.empty() || n_frozen() < trained_.size()) return;
  throw ConfigError(expected(where, "model", "a parameter that learns", "a model whose parameters are all frozen",
                             "layer.unfreeze(), or parameter.requires_grad = True"));
}

template <class T>
void Model<T>::set_learns(std::size_t parameter, bool learns) {
  Parameter<T>& p = *trained_.at(parameter);
  *p.frozen = !learns;
  if (!learns) std::fill_n(p.grad, p.shape.size(), T(0));
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
  if (input_shape_ && !(sample == *input_shape_)) {
    throw ShapeError(
        expected(where(), "x", input_shape_->str_with_batch(N.c_str()), sample.str_with_batch(N.c_str())));
  }
  shapes_.clear();
  can_backward_ = false;
  std::vector<Shape> shapes{sample}, in;
  work_ = 0;
  for (ModelNode<T>& node : nodes_) {
    in.clear();
    for (const std::size_t v : node.inputs) in.push_back(shapes[v]);
    shapes.push_back(node.layer->build_for(N, in));
    work_ += static_cast<double>(shapes.back().size()) * work_for_output(*node.layer);
  }
  built_for_ = sample;
  shapes_ = std::move(shapes);
  return shapes_;
}

template class Model<float>;
template class Model<double>;

}  // namespace nncore
