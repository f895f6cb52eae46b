/// Attributes: the base of Python classes that say what an unknown attribute should be.
#include <pybind11/pybind11.h>

#include "bindings.hpp"

namespace nncore {
namespace {

/// The attribute; where there is none, what the object's method `_missing(name)` answers or raises. Private names, and
/// properties that raise an AttributeError, keep their own error. A `__getattr__` in Python would do the same, but
/// makes every attribute that is there cost two lookups more: a tenth of a Trainer.step.
PyObject* get_attribute(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return found;
  if (PyUnicode_GetLength(name) > 0 && PyUnicode_ReadChar(name, 0) == '_') return nullptr;
  PyErr_Clear();  // Python calls this function: nothing here may throw
  const bool property = PyObject_HasAttr(reinterpret_cast<PyObject*>(Py_TYPE(self)), name) != 0;
  return property ? PyObject_GenericGetAttr(self, name) : PyObject_CallMethod(self, "_missing", "O", name);
}

}  // namespace

void bind_attributes(py::module_& m) {
  static PyType_Slot slots[] = {{Py_tp_getattro, reinterpret_cast<void*>(&get_attribute)}, {0, nullptr}};
  static PyType_Spec spec = {"nncore._core.Attributes", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                             slots};
  m.attr("Attributes") = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
}

}  // namespace nncore
