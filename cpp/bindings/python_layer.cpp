/// Layers written in Python: to the core a layer like any other, which takes the interpreter's lock to run.
#include <pybind11/pybind11.h>

#include <utility>
#include <vector>

#include "bindings.hpp"
#include "nncore/initializer.hpp"
#include "nncore/model.hpp"
#include "python.hpp"

namespace nncore {
namespace {

/// A parameter starts as the array it was declared with.
class GivenValues final : public Initializer {
 public:
  explicit GivenValues(std::vector<double> values) : values_(std::move(values)) {}
  void fill(const Shape&, const Fan&, const Stream&, double* out) const override {
    std::copy(values_.begin(), values_.end(), out);
  }

 private:
  std::vector<double> values_;
};

struct GivenValuesFactory final : UserDefinedFactory<Initializer> {
  explicit GivenValuesFactory(std::vector<double> given) : values(std::move(given)) {}
  std::unique_ptr<Initializer> make(std::type_identity<Initializer>) const override {
    return std::make_unique<GivenValues>(values);
  }
  std::vector<double> values;
};

struct Declared {
  std::string name;
  Shape shape;
  Role role;
  std::shared_ptr<const Spec> init;
};

template <class T>
class PythonLayer final : public UnaryLayer<T> {
 public:
  PythonLayer(const std::string& kind, Weak layer, const std::vector<Declared>& declared)
      : kind_(kind), layer_(std::move(layer)), kept_(new_dict()) {
    for (const Declared& d : declared) this->declare(d.name, d.shape, d.role, d.init);
  }

  bool user_defined() const override { return true; }

  Shape build(const Shape& in) override {
    const WithGil locked;
    const py::object given = layer().attr("_run_build")(to_tuple(in));
    std::vector<int64_t> extents;
    try {
      if (py::isinstance<py::str>(given)) throw py::cast_error();
      for (const py::handle extent : given) extents.push_back(extent.cast<int64_t>());
      return Shape(extents.data(), static_cast<int64_t>(extents.size()));
    } catch (const std::exception&) {  // not a sequence, not integers, negative
      PyErr_Clear();
      throw ShapeError(expected(this->label(), "build", "the shape of one output sample, a tuple of integers",
                                py::repr(given).cast<std::string>()));
    }
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    const WithGil locked;
    const py::object object = layer(), given = object.attr("_run_forward")(copy_out(x), pass.training, kept_.get());
    take_array<T>(given, y, this->label(), "forward",
                  [&] { return object.attr("_mend_shape")().template cast<std::string>(); });
  }

  void backward(View<const T> dy, View<T> dx) override {
    const WithGil locked;
    const py::object given = layer().attr("_run_backward")(copy_out(dy), kept_.get());
    if (dx.data != nullptr) take_array<T>(given, dx, this->label(), "backward");
  }

 private:
  static py::dict new_dict() {
    const WithGil locked;
    return py::dict();
  }
  py::object layer() const { return layer_.get("[" + kind_ + "]"); }

  std::string kind_;
  Weak layer_;
  OwnedObject kept_;  ///< attributes that this place's last training forward set on the Python object
};

/// Makes the C++ objects of a layer written in Python; its handle holds this.
struct PythonLayerFactory final : UserDefinedFactory<Layer<float>>, UserDefinedFactory<Layer<double>> {
  PythonLayerFactory(std::string name, Weak object) : kind(std::move(name)), layer(std::move(object)) {}
  std::unique_ptr<Layer<float>> make(std::type_identity<Layer<float>>) const override {
    return std::make_unique<PythonLayer<float>>(kind, layer, declared);
  }
  std::unique_ptr<Layer<double>> make(std::type_identity<Layer<double>>) const override {
    return std::make_unique<PythonLayer<double>>(kind, layer, declared);
  }

  std::string kind;
  Weak layer;
  std::vector<Declared> declared;
};

std::shared_ptr<LayerHandle> make_handle(const std::string& kind, const py::object& layer) {
  auto handle = std::make_shared<LayerHandle>();
  handle->spec = {"layer", kind, {}, std::make_shared<PythonLayerFactory>(kind, Weak(layer))};
  return handle;
}

const PythonLayerFactory& factory_of(const LayerHandle& handle) {
  return dynamic_cast<const PythonLayerFactory&>(*handle.spec.user_defined);
}

/// Until the layer joins a model, each parameter has an allocation of its own: arrays that Python has of earlier ones
/// stay valid.
void add_parameter(LayerHandle& handle, const std::string& name, const py::object& start, const py::object& value,
                   bool weight) {
  const std::string where = "[" + factory_of(handle).kind + "]";
  if ((handle.f32 || handle.f64) && !handle.provisional) {
    throw StateError(where + " add_parameter: the layer is part of a model already; add parameters in __init__");
  }
  const auto first = values_of<double>(start, where, name), now = values_of<double>(value, where, name);
  const int64_t n = now.view.size();
  auto own = std::make_shared<Block<double>>();
  std::copy_n(now.view.data, n, own->values.reserve(n));
  own->grads.reserve(n);
  auto storage = handle.f64 ? std::make_shared<Storage<double>>(*handle.f64) : std::make_shared<Storage<double>>();
  storage->values.push_back(own->values.data());
  storage->grads.push_back(own->grads.data());
  using Both = std::pair<std::shared_ptr<Block<double>>, std::shared_ptr<Block<double>>>;
  const auto both = std::make_shared<Both>(storage->block, own);
  storage->block = std::shared_ptr<Block<double>>(both, own.get());  // keeps the memory of earlier parameters, too

  auto init = std::make_shared<Spec>(Spec{"initializer", "given values", {}, nullptr});
  init->user_defined = std::make_shared<GivenValuesFactory>(std::vector<double>(first.view.data, first.view.data + n));
  const auto factory =
      std::make_shared<PythonLayerFactory>(dynamic_cast<const PythonLayerFactory&>(*handle.spec.user_defined));
  factory->declared.push_back({name, now.view.shape, weight ? Role::weight : Role::bias, init});
  handle.spec.user_defined = factory;
  handle.f64 = storage;
  handle.provisional = true;
  ++handle.generation;
}

template <class T>
py::tuple arrays_of(const std::shared_ptr<Storage<T>>& storage, std::size_t i, const Shape& shape) {
  using Pointer = std::shared_ptr<Storage<T>>;
  const py::capsule owner(new Pointer(storage), [](void* p) { delete static_cast<Pointer*>(p); });
  return py::make_tuple(view_out(storage->values[i], shape, owner), view_out(storage->grads[i], shape, owner));
}

/// (value, grad) of a parameter: views of the memory of whatever model the layer belongs to.
py::tuple parameter_arrays(const LayerHandle& handle, std::size_t i) {
  const Shape& shape = factory_of(handle).declared.at(i).shape;
  return handle.f32 ? arrays_of(handle.f32, i, shape) : arrays_of(handle.f64, i, shape);
}

}  // namespace

void bind_python_layer(py::module_& m) {
  m.def("python_layer", &make_handle, py::arg("kind"), py::arg("layer"), "The handle of a layer written in Python.");
  m.def("add_parameter", &add_parameter, py::arg("handle"), py::arg("name"), py::arg("start"), py::arg("value"),
        py::arg("weight"));
  m.def("parameter_arrays", &parameter_arrays, py::arg("handle"), py::arg("index"));
}

}  // namespace nncore
