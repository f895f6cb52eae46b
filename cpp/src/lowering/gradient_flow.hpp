/// GradientFlow: in which array the gradient of each value of a graph lies, and how several are added up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "lowering/liveness.hpp"

namespace nncore {

constexpr std::size_t kNoArray = static_cast<std::size_t>(-1);

/// A node as the flow sees it. Value 0 is the input; nodes come in the order in which they run.
struct FlowNode {
  std::vector<std::size_t> inputs;
  std::size_t output;
  bool trained = false;          ///< it has parameters that learn
  bool passes_gradient = false;  ///< dy itself is the gradient of each input
};

/// One array is added to another.
struct GradientSum {
  std::size_t from, into, value;
};

/// The gradient of a value with several readers is the sum over them from the first to the last, by nodes and then by
/// the order of a node's inputs: ((g1 + g2) + g3) + …. So its rounding does not depend on anything else. Each reader's
/// is kept until the first one's is known, which is the last to be computed.
struct GradientFlow {
  std::vector<Lifetime> arrays;
  std::vector<std::size_t> of_value;  ///< kNoArray: its gradient is not needed
  /// By node: where the gradient of each input goes; empty: it has no backward.
  std::vector<std::vector<std::size_t>> arrays_of;
  std::vector<std::vector<GradientSum>> sums;  ///< by node: what is added up after its backward
};

/// Step i is the forward run of node i of n, step n the loss, step 2 n - i the backward run of node i.
inline std::size_t backward_step(std::size_t n, std::size_t i) { return 2 * n - i; }

/// Makes a GradientFlow, node by node from the last.
template <class Size>
class FlowBuilder {
 public:
  FlowBuilder(const std::vector<FlowNode>& nodes, Size size, bool wants_input) : nodes_(nodes), size_(size) {
    const std::size_t n = nodes.size();
    needed_.assign(n + 1, false);
    needed_[0] = wants_input;
    readers_.resize(n + 1);
    kept_.resize(n + 1);
    for (std::size_t i = 0; i < n; ++i) {
      bool some = nodes[i].trained;
      for (std::size_t k = 0; k < nodes[i].inputs.size(); ++k) {
        readers_[nodes[i].inputs[k]].push_back({i, k});
        some = some || needed_[nodes[i].inputs[k]];
      }
      needed_[nodes[i].output] = some;
    }
    for (std::size_t v = 0; v <= n; ++v) kept_[v].resize(readers_[v].size());
    flow_.of_value.assign(n + 1, kNoArray);
    flow_.arrays_of.resize(n), flow_.sums.resize(n);
    flow_.of_value[n] = add_array(n, n);  // the loss writes it in any case
  }

  GradientFlow build() && {
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      if (needed_[nodes_[i].output]) add_node(i);
    }
    if (flow_.of_value[0] != kNoArray) keep(flow_.of_value[0], backward_step(nodes_.size(), 0) + 1);
    return std::move(flow_);
  }

 private:
  struct Reader {
    std::size_t node, input;
    bool operator==(const Reader&) const = default;
  };

  std::size_t add_array(std::size_t value, std::size_t step) {
    flow_.arrays.push_back({size_(value), step, step});
    return flow_.arrays.size() - 1;
  }
  void keep(std::size_t array, std::size_t step) {
    flow_.arrays[array].last = std::max(flow_.arrays[array].last, step);
  }
  bool is_first(std::size_t i, std::size_t k) const {
    return readers_[nodes_[i].inputs[k]].front() == Reader{i, k};
  }

  void add_node(std::size_t i) {
    const FlowNode& node = nodes_[i];
    const std::size_t step = backward_step(nodes_.size(), i), dy = flow_.of_value[node.output];
    keep(dy, step);
    // Where dy passes through it may become the gradient of one input, which is changed from here on, or else serve all
    // inputs that only keep it. A value that is read twice gets copies.
    bool some_first = false, passes = node.passes_gradient, taken = false;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      some_first = some_first || (needed_[node.inputs[k]] && is_first(i, k));
      passes = passes && std::count(node.inputs.begin(), node.inputs.end(), node.inputs[k]) == 1;
    }
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const std::size_t v = node.inputs[k];
      if (!needed_[v]) {
        flow_.arrays_of[i].push_back(kNoArray);
        continue;
      }
      const bool reuse = passes && (some_first ? is_first(i, k) && !taken : true);
      taken = taken || reuse;
      const std::size_t array = reuse ? dy : add_array(v, step);
      flow_.arrays_of[i].push_back(array);
      const auto& readers = readers_[v];
      const auto at = std::find(readers.begin(), readers.end(), Reader{i, k}) - readers.begin();
      kept_[v][static_cast<std::size_t>(at)] = array;
    }
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (needed_[node.inputs[k]] && is_first(i, k)) add_up(i, node.inputs[k], step);
    }
  }
  /// All readers' gradients of a value are known.
  void add_up(std::size_t i, std::size_t value, std::size_t step) {
    const std::vector<std::size_t>& kept = kept_[value];
    flow_.of_value[value] = kept[0];
    for (std::size_t r = 1; r < kept.size(); ++r) {
      if (kept[r] == kNoArray) continue;  // that reader has no backward
      flow_.sums[i].push_back({kept[r], kept[0], value});
      keep(kept[r], step);
    }
  }

  const std::vector<FlowNode>& nodes_;
  Size size_;
  std::vector<bool> needed_;
  std::vector<std::vector<Reader>> readers_;   // by value
  std::vector<std::vector<std::size_t>> kept_;  // by value and reader: the array with its gradient
  GradientFlow flow_;
};

/// `size(value)`: its elements. `wants_input`: the gradient of value 0 is needed, too.
template <class Size>
GradientFlow gradient_flow(const std::vector<FlowNode>& nodes, Size size, bool wants_input) {
  return FlowBuilder<Size>(nodes, size, wants_input).build();
}

/// Where the values themselves are needed: by their readers, and on the way back by the nodes that have a backward. The
/// output outlives the step. Value 0 lies elsewhere and has no entry: entry i is value i + 1.
template <class Size>
std::vector<Lifetime> value_lifetimes(const std::vector<FlowNode>& nodes, const GradientFlow& flow, Size size) {
  const std::size_t n = nodes.size();
  std::vector<Lifetime> out;
  const auto last_run = [&](std::size_t i) { return flow.arrays_of[i].empty() ? i : backward_step(n, i); };
  for (std::size_t i = 0; i < n; ++i) out.push_back({size(i + 1), i, last_run(i)});
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t v : nodes[i].inputs) {
      if (v == 0) continue;
      std::size_t& last = out[v - 1].last;
      last = std::max(last, last_run(i));
    }
  }
  if (n > 0) out.back().last = backward_step(n, 0) + 1;
  return out;
}

}  // namespace nncore
