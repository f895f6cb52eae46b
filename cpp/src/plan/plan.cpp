/// Building a plan: graph, parameters, memory.
#include "nncore/plan.hpp"

#include <algorithm>
#include <utility>

#include "kernels/reduce/reduce.hpp"
#include "lowering/nodes.hpp"
#include "model/build_graph.hpp"
#include "plan/online.hpp"
#include "plan/planned_parameter.hpp"

namespace nncore {

template <class T>
Plan<T>::Plan(Model<T>& model, Optimizer<T>& optimizer, Loss<T>& loss, const Shape& sample, int64_t max_batch,
              const GradientOptions& options)
    : model_(model), optimizer_(optimizer), loss_(loss), sample_(sample), max_batch_(max_batch), options_(options) {
  classify();
  if (wants_online(max_batch)) {
    online_ = std::make_unique<Online<T>>(model, optimizer, loss, options.check_finite);
    z_ = online_->outputs();
    z_shape_ = model.build(sample).back().with_batch(Online<T>::kMaxSteps);
  } else {
    make_graph();
  }
  plan_parameters();
  place_buffers();
}

template <class T>
Plan<T>::~Plan() = default;

/// Has every layer a feature-major form, and are they together cheaper? Sizes alone decide.
template <class T>
bool Plan<T>::prefers_feature_major(int64_t batch) const {
  double by_samples = 0, by_features = 0;
  for (std::size_t i = 0; i < model_.n_nodes(); ++i) {
    Layer<T>& layer = model_.layer(i);
    if (layer.elementwise()) continue;
    const auto samples = layer.lower(Layout::batch_major, PropagationKind::training);
    const auto features = layer.lower(Layout::feature_major, PropagationKind::training);
    if (!samples || !features) return false;
    by_samples += samples->cost(batch);
    by_features += features->cost(batch);
  }
  return by_features < 0.9 * by_samples;
}

template <class T>
bool Plan<T>::suits(const Shape& sample, int64_t batch) const {
  if (!(sample == sample_) || batch > max_batch_ || freezing_changed()) return false;
  if (batch == max_batch_ || shared_) return true;
  return !wants_online(batch) && prefers_feature_major(batch) == (layout_ == Layout::feature_major);
}

/// Parameters have been frozen since it was made, or learn again.
template <class T>
bool Plan<T>::freezing_changed() const {
  const auto changed = [](const PlannedParameter<T>& p) { return p.frozen == p.natural->learns(); };
  return std::any_of(parameters_.begin(), parameters_.end(), changed);
}

/// Batches of one sample, a small dense net that learns whole, and nothing between the gradients and the optimizer.
template <class T>
bool Plan<T>::wants_online(int64_t batch) const {
  const bool plain = !deferred_ && options_.l1 == 0 && options_.l2 == 0 && options_.clip_value == 0;
  return batch == 1 && plain && model_.n_frozen() == 0 && Online<T>::suits(model_, sample_);
}

/// Sets user_defined_, shared_, deferred_, and how many places use each parameter.
template <class T>
void Plan<T>::classify() {
  uses_.assign(model_.parameters().size(), 0);
  user_defined_ = loss_.user_defined() || optimizer_.user_defined();
  for (std::size_t i = 0; i < model_.n_nodes(); ++i) {
    Layer<T>& layer = model_.layer(i);
    user_defined_ = user_defined_ || layer.user_defined();
    for (const std::size_t h : model_.trained_of(i)) ++uses_[h];
  }
  shared_ = std::any_of(uses_.begin(), uses_.end(), [](int n) { return n > 1; });
  deferred_ = shared_ || user_defined_ || options_.clip_norm > 0;
}

/// By place of the model: do its layers run in their lowered forms? A parameter used in two places has its whole
/// gradient only when backward is over, and both places read the same memory: such places run as they stand, and so do
/// containers with user-defined layers.
template <class T>
std::vector<bool> Plan<T>::lowered_places() const {
  std::vector<bool> lowered(model_.places().size(), true);
  for (std::size_t i = 0; i < model_.n_nodes(); ++i) {
    const auto& node = model_.node(i);
    const auto used_once = [&](std::size_t h) { return uses_[h] == 1; };
    const bool own = std::all_of(node.trained.begin(), node.trained.end(), used_once);
    if (!own || node.layer->user_defined()) lowered[node.place] = false;
  }
  return lowered;
}

template <class T>
void Plan<T>::make_graph() {
  model_.build(sample_);
  if (!shared_ && prefers_feature_major(max_batch_)) layout_ = Layout::feature_major;
  const std::vector<bool> lowered = lowered_places();
  const auto lower = [&](std::size_t i, Layout at) {
    return lowered[model_.node(i).place] ? model_.layer(i).lower(at, PropagationKind::training) : nullptr;
  };
  graph_ = std::make_unique<Graph<T>>(build_graph(model_, sample_, layout_, lower, [](std::size_t) { return false; }));
  for (Node<T>& node : graph_->nodes) {
    const auto learns = [&](std::size_t h) { return model_.parameters()[h]->learns(); };
    node.learns = std::any_of(node.parameters.begin(), node.parameters.end(), learns);
  }
}

template <class T>
void Plan<T>::plan_parameters() {
  if (!optimizer_.attached()) optimizer_.attach(model_.parameters());
  for (std::size_t i = 0; i < model_.parameters().size(); ++i) {
    Parameter<T>* p = model_.parameters()[i];
    PlannedParameter<T> planned{p, 0, p->value, {}, nullptr, nullptr, 0, p->shape.size(), static_cast<int>(i), !p->learns()};
    for (int k = 0; k < optimizer_.n_states(); ++k) planned.state[k] = optimizer_.state(planned.index, k);
    if (deferred_) planned.g = p->grad;
    if (online_) online_->place_parameter(i, planned);
    parameters_.push_back(planned);
  }
  for (std::size_t i = model_.n_nodes(); i-- > 0;) {
    for (const std::size_t h : model_.trained_of(i)) parameters_[h].owner = i;
  }
  if (online_) return;
  for (Node<T>& node : graph_->nodes) {
    for (std::size_t k = 0; node.lowered && k < node.parameters.size(); ++k) {
      parameters_[node.parameters[k]].packing = node.lowered->packing();
      parameters_[node.parameters[k]].packing_index = static_cast<int>(k);
    }
  }
}

/// One arena: packed parameters with their state, then values and gradients, which share buffers by liveness.
template <class T>
void Plan<T>::place_buffers() {
  if (online_) return;  // it has buffers of its own
  constexpr int64_t kLine = 64 / sizeof(T);
  const auto rounded = [](int64_t n) { return (n + kLine - 1) / kLine * kLine; };
  const auto size = [&](std::size_t value) { return graph_->size(value, max_batch_); };
  const std::vector<FlowNode> nodes = graph_->flow_nodes();
  const std::size_t n = nodes.size();
  const GradientFlow flow = gradient_flow(nodes, size, false);
  std::vector<Lifetime> arrays = value_lifetimes(nodes, flow, size);
  arrays.insert(arrays.end(), flow.arrays.begin(), flow.arrays.end());
  const SharedBuffers shared = share_buffers(arrays);

  const int copies = 1 + optimizer_.n_states() + (deferred_ ? 1 : 0);
  int64_t total = 0;
  for (const int64_t elements : shared.sizes) total += rounded(elements);
  for (const PlannedParameter<T>& p : parameters_) total += p.packing != nullptr ? copies * rounded(p.n) : 0;
  T* at = arena_.reserve(total);
  const auto place = [&](int64_t elements) { return std::exchange(at, at + rounded(elements)); };
  std::vector<T*> buffers;
  for (const int64_t elements : shared.sizes) buffers.push_back(place(elements));
  const auto array = [&](std::size_t i) { return i == kNoArray ? nullptr : buffers[shared.buffer_of[n + i]]; };
  for (std::size_t i = 0; i < n; ++i) {
    Node<T>& node = graph_->nodes[i];
    node.y = buffers[shared.buffer_of[i]];
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == 0) {
        x_readers_.push_back(&node.x[k]);  // given with each step
      } else {
        node.x[k] = buffers[shared.buffer_of[node.inputs[k] - 1]];
      }
    }
    if (flow.arrays_of[i].empty()) continue;
    node.dy = array(flow.of_value[node.output]);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) node.dx[k] = array(flow.arrays_of[i][k]);
    for (const GradientSum& sum : flow.sums[i]) node.sums.push_back({array(sum.from), array(sum.into), sum.value});
  }
  z_ = n > 0 ? graph_->nodes.back().y : nullptr;
  dz_ = array(flow.of_value[n]);
  z_shape_ = graph_->values.back().shape.with_batch(max_batch_);
  for (PlannedParameter<T>& p : parameters_) {
    if (p.packing == nullptr) continue;
    p.w = place(p.n);
    for (int k = 0; k < optimizer_.n_states(); ++k) p.state[k] = place(p.n);
    if (deferred_) p.g = place(p.n);
  }
  for (Node<T>& node : graph_->nodes) {
    for (const std::size_t h : node.parameters) node.w.push_back(parameters_[h].w);
  }
}

template <class T>
void Plan<T>::pack() {
  model_.build(sample_);  // a callback may have run it on samples of another shape
  for (PlannedParameter<T>& p : parameters_) {
    if (p.packing == nullptr) continue;
    p.packing->pack(p.packing_index, p.natural->value, p.w);
    for (int k = 0; k < optimizer_.n_states(); ++k) {
      p.packing->pack(p.packing_index, optimizer_.state(p.index, k), p.state[k]);
    }
  }
  model_.zero_grad();
}

template <class T>
void Plan<T>::publish_parameters() const {
  for (const PlannedParameter<T>& p : parameters_) {
    if (p.packing != nullptr) p.packing->unpack(p.packing_index, p.w, p.natural->value);
  }
}

template <class T>
void Plan<T>::unpack() {
  publish_parameters();
  for (PlannedParameter<T>& p : parameters_) {
    if (p.packing == nullptr) continue;
    for (int k = 0; k < optimizer_.n_states(); ++k) {
      p.packing->unpack(p.packing_index, p.state[k], optimizer_.state(p.index, k));
    }
  }
  model_.parameters_changed();
  model_.zero_grad();
}

/// Every array that a step changes: parameters, optimizer state, running statistics.
template <class T>
template <class F>
void Plan<T>::for_each_state(F f) {
  for (PlannedParameter<T>& p : parameters_) {
    f(p.w, p.n);
    for (int k = 0; k < optimizer_.n_states(); ++k) f(p.state[k], p.n);
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
  for (const PlannedParameter<T>& p : parameters_) {
    if (!kernels<T>().reduce.all_finite(p.n, p.w)) return model_.described(p.owner, p.natural->name);
  }
  return "";
}

template class Plan<float>;
template class Plan<double>;

}  // namespace nncore
