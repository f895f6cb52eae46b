/// NumPy arrays at the border: checked once, converted once, then views of plain memory.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "gil.hpp"
#include "nncore/data.hpp"
#include "nncore/loss.hpp"
#include "nncore/model.hpp"
#include "nncore/view.hpp"

namespace py = pybind11;

namespace nncore {

/// A view of an array that the object keeps alive.
template <class T>
struct Input {
  py::array array;
  View<const T> view;
};

Shape shape_of(const py::array& array);
/// Any array of real numbers, as it is. Throws ShapeError for complex, object, ragged, text or masked ones.
py::array real_array(const py::handle& given, const std::string& where, const std::string& argument);
/// Why NumPy makes no array of a tensor, and the call that makes one, in brackets; "" of other objects.
std::string refusal(const py::handle& given);
bool holds_integers(const py::array& array);

/// Real numbers as contiguous T. With `finite`, throws ConfigError at the first NaN or infinity.
template <class T>
Input<T> values_of(const py::handle& given, const std::string& where, const std::string& argument, bool finite = false);
/// Samples (N, …) for a model; bytes stay bytes when the model normalises them. Numbers that T may not hold are
/// normalised here, or stay doubles when they are images that are `moved` first.
template <class T>
struct SamplesInput {
  py::array array;
  Samples<T> samples;
};
template <class T>
SamplesInput<T> samples_of(const Model<T>& model, const py::handle& given, const std::string& where,
                           const std::string& argument, bool finite, const char* hint = "", bool moved = false);
/// Labels where the loss takes labels and is given integers, else values.
template <class T>
struct TargetInput {
  py::array array;
  Target<T> target;
};
template <class T>
TargetInput<T> target_of(const Loss<T>& loss, const py::handle& given, const std::string& where, bool finite);
/// What each of N samples counts, numbers (N,), finite and >= 0, not all zero unless `zeros`; nothing for None. A copy,
/// for callbacks and other threads may change what was given.
std::optional<py::array_t<double>> weights_of(const py::handle& given, int64_t N, const std::string& where,
                                              bool zeros = false);

/// A new array, not filled.
template <class T>
py::array_t<T> new_array(const Shape& shape);
/// A new array with a copy of the view's elements.
template <class T>
py::array_t<T> copy_out(View<const T> view);
/// A writable array on memory that `owner` keeps alive.
template <class T>
py::array_t<T> view_out(T* data, const Shape& shape, const py::object& owner);

const char* link_name(Link link);
template <class T>
constexpr const char* dtype_name() {
  return std::is_same_v<T, float> ? "float32" : "float64";
}

}  // namespace nncore
