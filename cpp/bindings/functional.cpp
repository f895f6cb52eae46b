/// Layers as functions of arrays: the same kernels without a model.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "array.hpp"
#include "bindings.hpp"
#include "nncore/error.hpp"
#include "nncore/layer.hpp"
#include "nncore/linalg.hpp"

namespace nncore {
namespace {

/// y of a layer without parameters; with dy the gradient of x instead.
template <class T>
py::array apply_as(const Spec& spec, const py::object& given, const py::object& dy_given) {
  const std::string where = "[" + spec.name + "]";
  const auto x = values_of<T>(given, where, "z");
  const auto layer = make<Layer<T>>(spec);
  layer->set_label(spec.name, "functional");
  // One row of the whole array when the function does not look at rows, so that any rank will do.
  const bool rows = !layer->elementwise() && x.view.shape.rank() > 0;
  const View<const T> view{x.view.data, rows ? x.view.shape : Shape{1, x.view.size()}};
  const int64_t C = rows ? x.view.shape.back() : view.size();
  const View<const T> flat{view.data, {C == 0 ? 0 : view.size() / C, C}};
  const Shape sample{C};
  layer->build_from({&sample, 1});
  auto y = copy_out(x.view);
  T* const to = y.mutable_data();
  without_gil(8.0 * static_cast<double>(flat.size()),
              [&] { layer->forward_from({&flat, 1}, {to, flat.shape}, {true, false, 0, 0, 0}); });
  if (dy_given.is_none()) return y;
  const auto dy = values_of<T>(dy_given, where, "dy");
  if (!(dy.view.shape == x.view.shape)) {
    throw ShapeError(expected(where, "dy", x.view.shape.str(), dy.view.shape.str()));
  }
  auto dx = copy_out(x.view);
  const View<T> gradient{dx.mutable_data(), flat.shape};
  layer->backward_to({dy.view.data, flat.shape}, {&gradient, 1});
  return dx;
}

py::array apply(const Spec& spec, const py::object& x, const py::object& dy) {
  const bool single = py::isinstance<py::array_t<float>>(x);
  return single ? apply_as<float>(spec, x, dy) : apply_as<double>(spec, x, dy);
}

/// A layer over samples (N, …), one array for each input, with the parameters given, in inference.
template <class T>
py::array run_as(const Spec& spec, const std::string& name, const py::tuple& given, const py::tuple& parameters) {
  const std::string where = "[" + name + "]";
  const auto layer = make<Layer<T>>(spec);
  layer->set_label(name);
  std::vector<decltype(values_of<T>(given[0], where, "x"))> arrays;
  std::vector<View<const T>> x;
  std::vector<Shape> samples;
  for (const py::handle one : given) {
    arrays.push_back(values_of<T>(py::reinterpret_borrow<py::object>(one), where, "x"));
    x.push_back(arrays.back().view);
    if (x.back().shape.rank() < 1) throw ShapeError(expected(where, "x", "(N, …)", x.back().shape.str()));
    samples.push_back(x.back().shape.sample());
    if (x.back().batch() == x[0].batch()) continue;
    throw ShapeError(expected(where, "x", std::to_string(x[0].batch()) + " samples", std::to_string(x.back().batch())));
  }
  std::vector<py::array_t<T>> kept;  // layers read their parameters through pointers that are not const
  for (std::size_t i = 0; i < layer->parameters().size(); ++i) {
    Parameter<T>& p = layer->parameters()[i];
    const auto values = values_of<T>(parameters[i], where, p.name);
    if (!(values.view.shape == p.shape)) {
      throw ShapeError(expected(where, p.name, p.shape.str(), values.view.shape.str()));
    }
    kept.push_back(copy_out(values.view));
    p.value = kept.back().mutable_data();
  }
  const Shape shape = layer->build_for(std::to_string(x[0].batch()), samples).with_batch(x[0].batch());
  std::vector<py::ssize_t> extents;
  for (int i = 0; i < shape.rank(); ++i) extents.push_back(shape[i]);
  py::array_t<T> y(extents);
  T* const out = y.mutable_data();
  const WithoutGil unlocked;
  layer->forward_from(x, {out, shape}, {});
  return y;
}

py::array run_inputs(const Spec& spec, const std::string& name, const py::tuple& x, const py::tuple& parameters) {
  if (x.empty()) throw ConfigError(expected("[" + name + "]", "x", "one array or more", "none"));
  bool single = true;
  for (const py::tuple& arrays : {x, parameters}) {
    for (const auto& p : arrays) single = single && py::isinstance<py::array_t<float>>(p);
  }
  return single ? run_as<float>(spec, name, x, parameters) : run_as<double>(spec, name, x, parameters);
}

py::array run(const Spec& spec, const std::string& name, const py::object& x, const py::tuple& parameters) {
  return run_inputs(spec, name, py::make_tuple(x), parameters);
}

template <class T>
py::array product_as(const py::object& a, const py::object& b) {
  const auto A = values_of<T>(a, "[product]", "A"), B = values_of<T>(b, "[product]", "B");
  if (A.view.shape.rank() != 2 || B.view.shape.rank() != 2) {
    throw ShapeError(expected("[product]", "A, B", "two matrices", A.view.shape.str() + ", " + B.view.shape.str()));
  }
  py::array_t<T> C({A.view.shape[0], B.view.shape[1]});
  const WithoutGil unlocked;
  product<T>(A.view, B.view, {C.mutable_data(), {A.view.shape[0], B.view.shape[1]}});
  return C;
}

}  // namespace

void bind_functional(py::module_& m) {
  m.def("refusal", [](const py::object& given) { return refusal(given); }, py::arg("given"),
        "Why NumPy makes no array of a tensor, and the call that makes one.");
  m.def("apply", &apply, py::arg("layer"), py::arg("x"), py::arg("dy") = py::none());
  m.def("run", &run, py::arg("layer"), py::arg("name"), py::arg("x"), py::arg("parameters") = py::tuple(),
        "A layer over samples, in inference; errors begin with [name].");
  m.def("run_inputs", &run_inputs, py::arg("layer"), py::arg("name"), py::arg("x"), py::arg("parameters") = py::tuple(),
        "The same for a layer of several inputs.");
  m.def(
      "product",
      [](const py::object& a, const py::object& b) {
        const bool single = py::isinstance<py::array_t<float>>(a) && py::isinstance<py::array_t<float>>(b);
        return single ? product_as<float>(a, b) : product_as<double>(a, b);
      },
      py::arg("a"), py::arg("b"), "The matrix product, through xtensor-blas.");
}

}  // namespace nncore
