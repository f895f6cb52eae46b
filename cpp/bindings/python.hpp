/// What layers and losses written in Python share: references that C++ may hold and drop at any time, and arrays that
/// come back from Python.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "array.hpp"
#include "nncore/error.hpp"

namespace nncore {

/// A Python object that may be dropped without the interpreter's lock.
class OwnedObject {
 public:
  explicit OwnedObject(py::object object)
      : object_(new py::object(std::move(object)), [](py::object* held) {
          if (Py_IsInitialized() == 0) return;  // too late to free anything
          const WithGil locked;
          delete held;
        }) {}
  const py::object& get() const { return *object_; }

 private:
  std::shared_ptr<py::object> object_;
};

/// A weak reference: a layer holds its handle, so its handle must not hold the layer.
class Weak {
 public:
  explicit Weak(const py::object& object) : reference_(py::weakref(object)) {}
  py::object get(const std::string& where) const {
    py::object object = reference_.get()();
    if (object.is_none()) throw StateError(where + " is used after its Python object is gone");
    return object;
  }

 private:
  OwnedObject reference_;
};

/// Copies what Python code returned into `to`; ShapeError: `[MyLayer "1"] forward: expected an array of shape …`, with
/// the text of `hint()` for another shape.
template <class T, class Hint>
void take_array(const py::object& given, View<T> to, const std::string& where, const std::string& method, Hint hint) {
  const std::string wanted = "an array of shape " + to.shape.str();
  if (given.is_none()) throw ShapeError(expected(where, method, wanted, "None", "does it return anything?"));
  std::string got, mend;
  try {
    const auto values = values_of<T>(given, where, method);
    if (values.view.shape == to.shape) {
      std::copy_n(values.view.data, to.size(), to.data);
      return;
    }
    got = values.view.shape.str();
    mend = hint();
  } catch (const ShapeError& error) {
    const std::string text = error.what();
    const auto at = text.find(", got ");
    got = at == std::string::npos ? text : text.substr(at + 6);
  }
  throw ShapeError(expected(where, method, wanted, got, mend));
}
template <class T>
void take_array(const py::object& given, View<T> to, const std::string& where, const std::string& method) {
  take_array(given, to, where, method, [] { return std::string(); });
}

inline py::tuple to_tuple(const Shape& shape) {
  py::tuple out(shape.rank());
  for (int axis = 0; axis < shape.rank(); ++axis) out[static_cast<std::size_t>(axis)] = py::int_(shape[axis]);
  return out;
}

}  // namespace nncore
