/// The classes of nncore.errors that the core raises: made here, so that the core needs no Python module.
#include <pybind11/pybind11.h>

#include "bindings.hpp"
#include "nncore/error.hpp"

namespace nncore {
namespace {

/// They live as long as the process.
PyObject *shape_error, *config_error, *state_error, *numeric_error;

PyObject* add(py::module_& m, const char* name, PyObject* base, const char* doc) {
  PyObject* type = PyErr_NewExceptionWithDoc((std::string("nncore.errors.") + name).c_str(), doc, base, nullptr);
  if (type == nullptr) throw py::error_already_set();
  m.attr(name) = py::handle(type);
  return type;
}

}  // namespace

void bind_errors(py::module_& m) {
  shape_error =
      add(m, "ShapeError", PyExc_ValueError, "An array has the wrong number of dimensions or the wrong extents.");
  config_error = add(m, "ConfigError", PyExc_ValueError, "An argument has the wrong type or lies outside its range.");
  state_error = add(m, "StateError", PyExc_RuntimeError,
                    "A call came at the wrong time, such as backward before forward.");
  numeric_error = add(m, "NumericError", PyExc_ArithmeticError,
                      "A loss, gradient or parameter became infinite or not a number.");
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const ShapeError& error) {
      PyErr_SetString(shape_error, error.what());
    } catch (const ConfigError& error) {
      PyErr_SetString(config_error, error.what());
    } catch (const StateError& error) {
      PyErr_SetString(state_error, error.what());
    } catch (const NumericError& error) {
      PyErr_SetString(numeric_error, error.what());
    }
  });
}

}  // namespace nncore
