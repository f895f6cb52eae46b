/// What the binding files share: each declares one part of the module `nncore._core`.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <optional>

#include "nncore/schema.hpp"

namespace py = pybind11;

namespace nncore {

std::optional<Value> to_value(const py::handle& given);  ///< nothing: no schema can hold it
py::object to_python(const Value& value);
using SpecPointer = std::shared_ptr<const Spec>;
/// Arguments checked by the schema of this kind and name; throws ConfigError.
std::shared_ptr<Spec> make_spec(const std::string& kind, const std::string& name, const py::dict& args);

void bind_errors(py::module_& m);
void bind_attributes(py::module_& m);
void bind_registry(py::module_& m);
void bind_python_initializer(py::module_& m);
void bind_python_layer(py::module_& m);
void bind_python_loss(py::module_& m);
void bind_python_optimizer(py::module_& m);
void bind_model(py::module_& m);
void bind_loss(py::module_& m);
void bind_optimizer(py::module_& m);
void bind_trainer(py::module_& m);
void bind_minimize(py::module_& m);
void bind_perceptron(py::module_& m);
void bind_functional(py::module_& m);

}  // namespace nncore
