/// Parameter: a named array that a layer declares; the model gives it memory.
#pragma once

#include <cstdint>
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

template <class T>
struct Parameter {
  std::string name;  ///< inside its layer: "weight"
  Shape shape;
  Role role = Role::weight;
  Fan fan;
  std::shared_ptr<const Spec> init;  ///< how to fill it
  T* value = nullptr;
  T* grad = nullptr;  ///< null for buffers
};

}  // namespace nncore
