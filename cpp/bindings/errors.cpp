/// The core's exceptions become the classes of nncore.errors.
#include <pybind11/pybind11.h>

#include "bindings.hpp"
#include "nncore/error.hpp"

namespace nncore {
namespace {

void raise(const char* name, const std::exception& error) {
  const py::object type = py::module_::import("nncore.errors").attr(name);
  PyErr_SetString(type.ptr(), error.what());
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const ShapeError& error) {
      raise("ShapeError", error);
    } catch (const ConfigError& error) {
      raise("ConfigError", error);
    } catch (const StateError& error) {
      raise("StateError", error);
    } catch (const NumericError& error) {
      raise("NumericError", error);
    }
  });
}

}  // namespace nncore
