/// Parameter: a named array that a layer declares; the model gives it memory.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "nncore/schema.hpp"
#include "nncore/view.hpp"

namespace nncore {

/// Penalties act on weights alone, not on the gains of normalisations; buffers (running statistics) are saved but not
/// trained.
enum class Role { weight, bias, gain, buffer };

/// The numbers of inputs and outputs that an initialiser scales by.
struct Fan {
  int64_t in = 1, out = 1;
};

/// What of a layer does not learn: each declared parameter by itself, and the layer as a whole, whose running statistics
/// then stand still, too. Every place of the layer, in whatever model, reads the same one.
struct Freezing {
  bool layer = false;
  std::deque<bool> parameters;  ///< its elements keep their addresses
};

template <class T>
struct Parameter {
  std::string name;  ///< inside its layer: "weight"
  Shape shape;
  Role role = Role::weight;
  Fan fan;
  std::shared_ptr<const Spec> init;  ///< how to fill it
  T* value = nullptr;
  T* grad = nullptr;  ///< null for buffers
  bool* frozen = nullptr;  ///< null: outside a model

  bool learns() const { return grad != nullptr && (frozen == nullptr || !*frozen); }
};

}  // namespace nncore
