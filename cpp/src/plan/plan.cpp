/// Building a plan: nodes, parameters, memory.
#include "nncore/plan.hpp"

#include <algorithm>
#include <utility>

#include "kernels/table.hpp"
#include "lowering/nodes.hpp"
#include "plan/online.hpp"

namespace nncore {

template <class T>
Plan<T>::Plan(Model<T>& model, Optimizer<T>& optimizer, Loss<T>& loss, const Shape& sample, int64_t max_batch,
              const GradientOptions& options)
    : model_(model), optimizer_(optimizer), loss_(loss), sample_(sample), max_batch_(max_batch), options_(options) {
  look_over();
  if (wants_online(max_batch)) {
    online_ = std::make_unique<Online<T>>(model, optimizer, loss, options.check_finite);
    z_ = online_->outputs();
    z_shape_ = model.build(sample).back().with_batch(Online<T>::kMostSteps);
  } else {
    make_nodes();
  }
  hold_parameters();
  place_buffers();
}

template <class T>
Plan<T>::~Plan() = default;

/// Samples in lanes where every layer can and all of them together are cheaper so. Sizes alone decide.
template <class T>
Layout Plan<T>::choose_layout(int64_t batch) const {
  double by_samples = 0, by_features = 0;
  for (std::size_t i = 0; i < model_.n_layers(); ++i) {
    Layer<T>& layer = model_.layer(i);
    if (layer.elementwise()) continue;
    const auto samples = layer.lower(Layout::samples, Purpose::training);
    const auto features = layer.lower(Layout::features, Purpose::training);
    if (!samples || !features) return Layout::samples;
    by_samples += samples->cost(batch);
    by_features += features->cost(batch);
  }
  return by_features < 0.9 * by_samples ? Layout::features : Layout::samples;
}

template <class T>
bool Plan<T>::suits(const Shape& sample, int64_t batch) const {
  if (!(sample == sample_) || batch > max_batch_) return false;
  return batch == max_batch_ || shared_ || (!wants_online(batch) && choose_layout(batch) == layout_);
}

/// One sample at a time, in a net made for it, and nothing between the gradients and the optimizer.
template <class T>
bool Plan<T>::wants_online(int64_t batch) const {
  const bool plain = !deferred_ && options_.l1 == 0 && options_.l2 == 0 && options_.clip_value == 0;
  return batch == 1 && plain && Online<T>::suits(model_, sample_);
}

/// What kind of model it is, and how many places use each parameter.
template <class T>
void Plan<T>::look_over() {
  uses_.assign(model_.parameters().size(), 0);
  foreign_ = loss_.foreign();
  for (std::size_t i = 0; i < model_.n_layers(); ++i) {
    Layer<T>& layer = model_.layer(i);
    foreign_ = foreign_ || layer.foreign();
    for (const std::size_t h : model_.trained_of(i)) ++uses_[h];
  }
  shared_ = std::any_of(uses_.begin(), uses_.end(), [](int n) { return n > 1; });
  deferred_ = shared_ || foreign_ || options_.clip_norm > 0;
}

template <class T>
void Plan<T>::make_nodes() {
  const auto& shapes = model_.build(sample_);
  if (!shared_) layout_ = choose_layout(max_batch_);
  Row<T> row(sample_, Layout::samples);
  row.turn(layout_);
  for (std::size_t i = 0; i < model_.n_layers(); ++i) {
    Layer<T>& layer = model_.layer(i);
    std::vector<std::size_t> held = model_.trained_of(i);
    // A parameter used in two places has its whole gradient only when backward is over, and every place reads the
    // same memory: such layers run as they stand.
    const bool own = std::all_of(held.begin(), held.end(), [&](std::size_t h) { return uses_[h] == 1; });
    row.add(layer, shapes[i + 1], std::move(held),
            [&](Layout at) { return own ? layer.lower(at, Purpose::training) : nullptr; });
  }
  row.turn(Layout::samples);
  nodes_ = std::move(row).nodes();
  const auto trained = [](const Node<T>& node) { return !node.held.empty(); };
  first_trained_ = static_cast<std::size_t>(std::find_if(nodes_.begin(), nodes_.end(), trained) - nodes_.begin());
}

template <class T>
void Plan<T>::hold_parameters() {
  if (!optimizer_.attached()) optimizer_.attach(model_.parameters());
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    Parameter<T>* p = model_.parameters()[i];
    Held held{p, nullptr, p->value, {}, nullptr, nullptr, 0, p->shape.size(), static_cast<int>(i)};
    for (int k = 0; k < optimizer_.n_slots(); ++k) held.slots[k] = optimizer_.slot(held.index, k);
    if (deferred_) held.g = p->grad;
    if (online_) online_->hold(i, held);
    held_.push_back(held);
  }
  for (std::size_t i = model_.n_layers(); i-- > 0;) {
    for (const std::size_t h : model_.trained_of(i)) held_[h].owner = &model_.layer(i);
  }
  for (Node<T>& node : nodes_) {
    for (std::size_t k = 0; node.lowered && k < node.held.size(); ++k) {
      held_[node.held[k]].packing = node.lowered->packing();
      held_[node.held[k]].packing_index = static_cast<int>(k);
    }
  }
}

/// One arena: packed parameters with their state, each node's output, two gradients in turn.
template <class T>
void Plan<T>::place_buffers() {
  if (online_) return;  // it has placed its own
  constexpr int64_t kLine = 64 / sizeof(T);
  const auto rounded = [](int64_t n) { return (n + kLine - 1) / kLine * kLine; };
  int64_t largest = 0, total = 0;
  for (const Node<T>& node : nodes_) {
    largest = std::max({largest, node.n_in(max_batch_), node.n_out(max_batch_)});
    total += rounded(node.n_out(max_batch_));
  }
  const int copies = 1 + optimizer_.n_slots() + (deferred_ ? 1 : 0);
  for (const Held& held : held_) total += held.packing != nullptr ? copies * rounded(held.n) : 0;
  T* at = arena_.reserve(total + 2 * rounded(largest));
  const auto place = [&](int64_t n) { return std::exchange(at, at + rounded(n)); };
  const T* x = nullptr;  // of the first node: each step's own
  for (Node<T>& node : nodes_) {
    node.x = x;
    x = node.y = place(node.n_out(max_batch_));
  }
  z_ = nodes_.back().y;
  z_shape_ = nodes_.back().out.with_batch(max_batch_);
  for (T*& gradient : gradients_) gradient = place(largest);
  for (Held& held : held_) {
    if (held.packing == nullptr) continue;
    held.w = place(held.n);
    for (int k = 0; k < optimizer_.n_slots(); ++k) held.slots[k] = place(held.n);
    if (deferred_) held.g = place(held.n);
  }
  for (Node<T>& node : nodes_) {
    for (const std::size_t h : node.held) node.w.push_back(held_[h].w);
  }
}

template <class T>
void Plan<T>::enter() {
  for (Held& held : held_) {
    if (held.packing == nullptr) continue;
    held.packing->pack(held.packing_index, held.natural->value, held.w);
    for (int k = 0; k < optimizer_.n_slots(); ++k) {
      held.packing->pack(held.packing_index, optimizer_.slot(held.index, k), held.slots[k]);
    }
  }
  model_.zero_grad();
}

template <class T>
void Plan<T>::show_parameters() const {
  for (const Held& held : held_) {
    if (held.packing != nullptr) held.packing->unpack(held.packing_index, held.w, held.natural->value);
  }
}

template <class T>
void Plan<T>::leave() {
  show_parameters();
  for (Held& held : held_) {
    if (held.packing == nullptr) continue;
    for (int k = 0; k < optimizer_.n_slots(); ++k) {
      held.packing->unpack(held.packing_index, held.slots[k], optimizer_.slot(held.index, k));
    }
  }
  model_.zero_grad();
}

/// Every array that a step changes: parameters, optimizer state, running statistics.
template <class T>
template <class F>
void Plan<T>::for_each_state(F f) {
  for (Held& held : held_) {
    f(held.w, held.n);
    for (int k = 0; k < optimizer_.n_slots(); ++k) f(held.slots[k], held.n);
  }
  for (const Parameter<T>* buffer : model_.buffers()) f(buffer->value, buffer->shape.size());
}

template <class T>
void Plan<T>::save(Buffer<T>& snapshot, int64_t& t) {
  int64_t total = 0;
  for_each_state([&](T*, int64_t n) { total += n; });
  T* to = snapshot.reserve(total);
  for_each_state([&](const T* values, int64_t n) { to = std::copy_n(values, n, to); });
  t = optimizer_.t();
}

template <class T>
void Plan<T>::restore(const Buffer<T>& snapshot, int64_t t) {
  const T* from = snapshot.data();
  for_each_state([&](T* values, int64_t n) {
    std::copy_n(from, n, values);
    from += n;
  });
  optimizer_.set_t(t);
  model_.zero_grad();
}

template <class T>
std::string Plan<T>::nonfinite_parameter() const {
  for (const Held& held : held_) {
    if (!kernels<T>().all_finite(held.n, held.w)) return held.owner->label() + " " + held.natural->name;
  }
  return "";
}

template class Plan<float>;
template class Plan<double>;

}  // namespace nncore
