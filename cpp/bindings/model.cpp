/// Model32 and Model64: the core of nncore.Sequential and nncore.Graph.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

#include "array.hpp"
#include "bindings.hpp"
#include "kernels/reduce/reduce.hpp"
#include "nncore/error.hpp"
#include "nncore/gradcheck.hpp"
#include "nncore/model.hpp"
#include "nncore/reading.hpp"

namespace nncore {
namespace {

template <class T>
using ModelPointer = std::shared_ptr<Model<T>>;
/// A layer where it stands: name, handle, the values it reads (0: the input, p + 1: what place p computes).
using GivenPlace = std::tuple<std::string, std::shared_ptr<LayerHandle>, std::vector<std::size_t>>;

template <class T>
std::optional<Normalization<T>> to_normalization(const py::object& given) {
  if (given.is_none()) return std::nullopt;
  const auto [mean, std] = given.cast<std::pair<std::vector<double>, std::vector<double>>>();
  Normalization<T> out;
  const std::size_t n = std::max(mean.size(), std.size());
  for (std::size_t i = 0; i < n; ++i) {
    out.exact_mean.push_back(mean[mean.size() == 1 ? 0 : i]);
    out.exact_inverse_std.push_back(1.0 / std[std.size() == 1 ? 0 : i]);
    out.mean.push_back(static_cast<T>(out.exact_mean.back()));
    out.inverse_std.push_back(static_cast<T>(out.exact_inverse_std.back()));
    const double lost = std::fabs(out.exact_mean.back() - static_cast<double>(out.mean.back()));
    const double factor = out.exact_inverse_std.back();  // 1: bytes less their mean are as large as before
    out.exact_alone.push_back(!(lost * factor < (factor == 1.0 ? 1e-5 : 2.5e-7)));
  }
  return out;
}

/// An AccessGuard for a block of Python code: `with core.access_guard("Sequential.load_state_dict", write=True): …`. A
/// block that writes has changed parameters, unless it raises or `changes` is false.
class PythonAccessGuard {
 public:
  PythonAccessGuard(std::string what, bool write, bool changes, std::vector<GuardedMemory*> memory, py::object owner)
      : what_(std::move(what)), memory_(std::move(memory)), owner_(std::move(owner)),
        access_(write ? Access::write : Access::read), changes_(write && changes) {}
  void enter() { guard_.emplace(what_, access_, nullptr, memory_); }
  void leave(bool raised) {
    if (changes_ && !raised) {
      for (GuardedMemory* memory : memory_) ++memory->changes;
    }
    guard_.reset();
  }

 private:
  std::string what_;
  std::vector<GuardedMemory*> memory_;
  py::object owner_;
  Access access_;
  bool changes_;
  std::optional<AccessGuard> guard_;
};

template <class F>
void each_storage(LayerHandle& handle, F f) {
  handle.each_leaf([&](const LayerHandle& leaf) {
    if (leaf.f32) f(leaf, leaf.f32.get());
    if (leaf.f64) f(leaf, leaf.f64.get());
  });
}

std::unique_ptr<PythonAccessGuard> layer_access_guard(const py::object& given, const std::string& what, bool write,
                                                      bool changes) {
  std::vector<GuardedMemory*> memory;
  each_storage(given.cast<LayerHandle&>(), [&](const LayerHandle&, GuardedMemory* one) { memory.push_back(one); });
  std::sort(memory.begin(), memory.end(), std::less<>());
  return std::make_unique<PythonAccessGuard>(what, write, changes, std::move(memory), given);
}

template <class T>
ModelPointer<T> make_model(const std::vector<GivenPlace>& given, uint64_t seed, const py::object& input,
                           const std::optional<std::vector<int64_t>>& input_shape, const std::string& kind) {
  std::optional<Shape> sample;
  if (input_shape) sample = Shape(input_shape->data(), static_cast<int64_t>(input_shape->size()));
  std::vector<typename Model<T>::Place> places;
  std::vector<GuardedMemory*> taken_over;
  for (const auto& [name, handle, inputs] : given) {
    places.push_back({name, handle, inputs});
    each_storage(*handle, [&](const LayerHandle& leaf, GuardedMemory* memory) {
      if (leaf.provisional) taken_over.push_back(memory);
    });
  }
  std::sort(taken_over.begin(), taken_over.end(), std::less<>());
  const AccessGuard guard("Sequential.layers", Access::read, nullptr, taken_over);
  return std::make_shared<Model<T>>(std::move(places), seed, to_normalization<T>(input), sample, kind);
}

/// A model of one layer alone, which uses the parameters that the layer has without taking them over. Other threads
/// find the layer as it was, or with the parameters made here.
template <class T>
ModelPointer<T> make_alone(const py::object& handle, uint64_t seed, const std::string& kind) {
  const py::object free = handle.attr("free_parts");
  handle.attr("share")();
  try {
    auto model = make_model<T>({{"0", handle.cast<std::shared_ptr<LayerHandle>>(), {0}}}, seed, py::none(), {}, kind);
    handle.attr("free_parts") = free;
    return model;
  } catch (...) {
    handle.attr("free_parts") = free;
    throw;
  }
}

/// The name of an operation for the guard that it holds and outlives.
struct Operation {
  const char *of_sequential, *of_graph, *of_layer;
  template <class T>
  const char* operator()(const Model<T>& model) const {
    return model.kind() == "Sequential" ? of_sequential : model.kind() == "Graph" ? of_graph : of_layer;
  }
};
constexpr Operation kForward{"Sequential.forward", "Graph.forward", "Layer.forward"};
constexpr Operation kBackward{"Sequential.backward", "Graph.backward", "Layer.backward"};
constexpr Operation kActivations{"Sequential.activations", "Graph.activations", "Layer.activations"};
constexpr Operation kSummary{"Sequential.summary", "Graph.summary", "Layer.summary"};
constexpr Operation kStateDict{"Sequential.state_dict", "Graph.state_dict", "Layer.state_dict"};
constexpr Operation kZeroGrad{"Sequential.zero_grad", "Graph.zero_grad", "Layer.zero_grad"};
constexpr Operation kInitialize{"Sequential.initialize", "Graph.initialize", "Layer.initialize"};

template <class T>
py::array_t<T> infer(Model<T>& model, View<const T> x, bool is_normalized) {
  const ExecutionContext<T> context(model);
  auto y = new_array<T>(context->build_for(x).back().with_batch(x.batch()));
  T* to = y.mutable_data();
  without_gil(context->work(x.batch()), [&] { context->infer(x, to, is_normalized); });
  return y;
}

template <class T>
py::array_t<T> forward(Model<T>& model, const py::object& given, bool training, uint64_t seed, uint32_t step) {
  const std::string where = model.where();
  const auto x = samples_of<T>(model, given, where, "x", false);
  const auto values = values_of<T>(x.array, where, "x");
  const typename Model<T>::AccessGuard guard(model, kForward(model), training ? Access::write : Access::read);
  if (!training) return infer(model, values.view, x.samples.is_normalized);
  View<const T> y;
  {
    const WithoutGil unlocked;
    y = model.forward(values.view, {true, true, seed, 0, step}, x.samples.is_normalized);
  }
  return copy_out(y);
}

/// Outputs for x, in which NaN and infinity are refused unless `allow_nan`: (outputs, None or the rows without a label).
/// These are rows with such a number, and those for which an output is NaN.
template <class T>
py::tuple outputs(Model<T>& model, const py::object& given, const std::string& where, bool allow_nan) {
  static constexpr const char* kHint = "allow_nan=True computes such rows, too";
  const auto x = samples_of<T>(model, given, where, "x", !allow_nan, kHint);
  const auto values = values_of<T>(x.array, where, "x");
  const typename Model<T>::AccessGuard guard(model, kForward(model), Access::read);
  const py::array_t<T> y = infer(model, values.view, x.samples.is_normalized);
  const auto finite = [](int64_t n, const T* data) { return kernels<T>().reduce.all_finite(n, data); };
  const int64_t N = values.view.batch(), D = values.view.shape.row_size(), C = N == 0 ? 0 : y.size() / N;
  if (finite(y.size(), y.data()) && (!allow_nan || finite(values.view.size(), values.view.data))) {
    return py::make_tuple(y, py::none());
  }
  py::array_t<bool> without(N);
  for (int64_t n = 0; n < N; ++n) {
    const T* row = y.data() + n * C;
    without.mutable_data()[n] =
        !finite(D, values.view.data + n * D) || std::any_of(row, row + C, [](T v) { return std::isnan(v); });
  }
  return py::make_tuple(y, without);
}

template <class T>
py::array_t<T> backward(Model<T>& model, const py::object& given) {
  const auto dy = values_of<T>(given, model.where(), "dy");
  const typename Model<T>::AccessGuard guard(model, kBackward(model));
  View<T> dx;
  {
    const WithoutGil unlocked;
    dx = model.backward(dy.view);
  }
  return copy_out<T>(dx);
}

template <class T>
py::dict activations(Model<T>& model, const py::object& given) {
  const std::string where = model.where();
  const auto x = samples_of<T>(model, given, where, "x", false);
  const auto values = values_of<T>(x.array, where, "x");
  const typename Model<T>::AccessGuard guard(model, kActivations(model), Access::read);
  const ExecutionContext<T> context(model);
  {
    const WithoutGil unlocked;
    context->forward(values.view, {}, x.samples.is_normalized);
  }
  py::dict out;
  for (std::size_t p = 0; p < model.places().size(); ++p) {
    out[model.places()[p].name.c_str()] = copy_out(context->value(model.value_of(p)));
  }
  return out;
}

/// (layer name, kind, output shape of one sample, number of parameters, of frozen ones) of each layer.
template <class T>
py::list describe(Model<T>& model, const std::vector<int64_t>& extents) {
  const typename Model<T>::AccessGuard guard(model, kSummary(model), Access::read);
  const ExecutionContext<T> context(model);
  const auto& shapes = context->build(Shape(extents.data(), static_cast<int64_t>(extents.size())));
  py::list out;
  std::vector<int64_t> sizes(model.places().size(), 0), frozen(model.places().size(), 0);
  for (std::size_t i = 0; i < model.n_nodes(); ++i) {
    for (const auto& p : model.layer(i).parameters()) {
      if (p.role == Role::buffer) continue;
      sizes[model.node(i).place] += p.shape.size();
      if (!p.learns()) frozen[model.node(i).place] += p.shape.size();
    }
  }
  for (std::size_t i = 0; i < model.places().size(); ++i) {
    const Shape& of_sample = shapes[model.value_of(i)];
    py::list shape;
    for (int axis = 0; axis < of_sample.rank(); ++axis) shape.append(of_sample[axis]);
    const auto& place = model.places()[i];
    const int64_t n = sizes[i], held = frozen[i];
    out.append(py::make_tuple(place.name, place.handle->spec.name, py::tuple(shape), n, held));
  }
  return out;
}

template <class T>
py::list arrays_of(const ModelPointer<T>& model, const std::vector<Parameter<T>*>& parameters,
                   const std::vector<std::string>& names) {
  py::list out;
  const py::object owner = py::cast(model);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter<T>& p = *parameters[i];
    py::object grad = py::none();
    if (p.grad != nullptr) grad = view_out(p.grad, p.shape, owner);
    out.append(py::make_tuple(names[i], view_out(p.value, p.shape, owner), grad));
  }
  return out;
}

/// (name, array) of every parameter and buffer of every place, those that places share under each name.
template <class T>
py::list entries(const ModelPointer<T>& model) {
  py::list out;
  const py::object owner = py::cast(model);
  for (std::size_t i = 0; i < model->n_nodes(); ++i) {
    for (const Parameter<T>& p : model->layer(i).parameters()) {
      out.append(py::make_tuple(model->node(i).name + "." + p.name, view_out(p.value, p.shape, owner)));
    }
  }
  return out;
}

/// The same as copies, all of one moment: no other thread changes them meanwhile.
template <class T>
py::list copies(const ModelPointer<T>& model) {
  const AccessGuard guard(kStateDict(*model), Access::read, nullptr, model->shared());
  py::list out;
  for (std::size_t i = 0; i < model->n_nodes(); ++i) {
    for (const Parameter<T>& p : model->layer(i).parameters()) {
      const View<const T> value{p.value, p.shape};
      out.append(py::make_tuple(model->node(i).name + "." + p.name, copy_out(value)));
    }
  }
  return out;
}

template <class T>
py::object flat(const ModelPointer<T>& model, T* data) {
  if (data == nullptr && model->n_values() > 0) {
    throw StateError(model->where() + " its parameters do not lie in one piece, because layers are shared with another "
                     "model; copy() gives a model where they do");
  }
  return view_out(data, {model->n_values()}, py::cast(model));
}

template <class T>
void bind_model_of(py::module_& m, const char* name) {
  py::class_<Model<T>, ModelPointer<T>>(m, name)
      .def(py::init(&make_model<T>), py::arg("places"), py::arg("seed"), py::arg("input"),
           py::arg("input_shape") = py::none(), py::arg("kind") = "Sequential")
      .def_static("alone", &make_alone<T>, py::arg("handle"), py::arg("seed"), py::arg("kind"))
      .def_property_readonly("dtype", [](const Model<T>&) { return dtype_name<T>(); })
      .def("forward", &forward<T>, py::arg("x"), py::arg("training"), py::arg("seed"), py::arg("step"))
      .def("outputs", &outputs<T>, py::arg("x"), py::arg("where"), py::arg("allow_nan"))
      .def_property_readonly("kind_of_outputs", [](const Model<T>& model) { return outputs_name(outputs_of(model)); })
      .def_property_readonly("kind_in_training",
                             [](const Model<T>& model) { return outputs_name(outputs_of(model, true)); })
      .def("backward", &backward<T>, py::arg("dy"))
      .def("activations", &activations<T>, py::arg("x"))
      .def("describe", &describe<T>, py::arg("sample_shape"))
      .def("access_guard",
           [](const py::object& self, const std::string& what, bool write, bool changes) {
             return std::make_unique<PythonAccessGuard>(what, write, changes, self.cast<Model<T>&>().shared(), self);
           },
           py::arg("what"), py::arg("write"), py::arg("changes") = true,
           "Other threads may not change, or with `write` not use, its parameters.")
      .def("zero_grad",
           [](Model<T>& model) {
             const AccessGuard guard(kZeroGrad(model), Access::write, nullptr, model.shared());
             model.zero_grad();
           })
      .def("initialize",
           [](Model<T>& model, uint64_t seed) {
             const AccessGuard guard(kInitialize(model), Access::write, nullptr, model.shared());
             model.initialize(seed);
           },
           py::arg("seed"))
      .def("learns", [](const Model<T>& model, std::size_t i) { return model.parameters().at(i)->learns(); },
           py::arg("parameter"))
      .def("set_learns", &Model<T>::set_learns, py::arg("parameter"), py::arg("learns"))
      .def("parameters",
           [](const ModelPointer<T>& model) { return arrays_of(model, model->parameters(), model->parameter_names()); })
      .def("buffers",
           [](const ModelPointer<T>& model) { return arrays_of(model, model->buffers(), model->buffer_names()); })
      .def("entries", &entries<T>)
      .def("copies", &copies<T>)
      .def("flat_parameters", [](const ModelPointer<T>& model) { return flat(model, model->flat_values()); })
      .def("flat_gradients", [](const ModelPointer<T>& model) { return flat(model, model->flat_grads()); });
}

}  // namespace

void bind_model(py::module_& m) {
  py::class_<PythonAccessGuard>(m, "AccessGuard", "A context in which other threads are refused.")
      .def("__enter__", [](PythonAccessGuard& guard) { guard.enter(); })
      .def("__exit__", [](PythonAccessGuard& guard, const py::args& raised) { guard.leave(!raised[0].is_none()); });
  m.def("layer_access_guard", &layer_access_guard, py::arg("handle"), py::arg("what"), py::arg("write"),
        py::arg("changes") = true, "Model.access_guard for one layer.");
  bind_model_of<float>(m, "Model32");
  bind_model_of<double>(m, "Model64");
}

}  // namespace nncore
