/// Schemas as plain dicts, specs with checked arguments.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "nncore/error.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"
#include "nncore/loss.hpp"
#include "nncore/model.hpp"
#include "nncore/objective.hpp"
#include "nncore/optimizer.hpp"
#include "nncore/schedule.hpp"

namespace nncore {
namespace {

std::map<std::string, Value> to_values(const py::dict& given) {
  std::map<std::string, Value> values;
  for (const auto& [name, value] : given) values[name.cast<std::string>()] = to_value(value);
  return values;
}

py::dict to_dict(const std::map<std::string, Value>& values) {
  py::dict out;
  for (const auto& [name, value] : values) out[name.c_str()] = to_python(value);
  return out;
}

/// Constructors check what one field alone cannot show.
void try_out(const Spec& spec) {
  if (spec.kind == "layer") make<Layer<double>>(spec);
  if (spec.kind == "loss") make<Loss<double>>(spec);
  if (spec.kind == "optimizer") make<Optimizer<double>>(spec);
  if (spec.kind == "initializer") make<Initializer>(spec);
  if (spec.kind == "schedule") make<Schedule>(spec);
  if (spec.kind == "objective") make<Objective>(spec);
}

std::shared_ptr<Spec> make_spec(const std::string& kind, const std::string& name, const py::dict& args) {
  const Schema& schema = find_schema(kind, name);
  auto spec = std::make_shared<Spec>(Spec{kind, name, bind_arguments(schema, to_values(args))});
  try_out(*spec);
  return spec;
}

py::dict describe(const Schema& schema) {
  py::list fields, examples;
  for (const Field& field : schema.fields) {
    py::dict d;
    d["name"] = field.name;
    d["annotation"] = field.rule.annotation;
    d["expected"] = field.rule.expected;
    d["doc"] = field.doc;
    d["keyword_only"] = field.keyword_only;
    if (field.fallback) d["default"] = to_python(*field.fallback);
    fields.append(d);
  }
  for (const Example& example : schema.examples) {
    py::list sample;
    for (int i = 0; i < example.sample.rank(); ++i) sample.append(example.sample[i]);
    examples.append(py::make_tuple(to_dict(example.args), py::tuple(sample)));
  }
  py::dict out;
  out["kind"] = schema.kind;
  out["name"] = schema.name;
  out["summary"] = schema.summary;
  out["formula"] = schema.formula;
  out["shapes"] = schema.shapes;
  out["notes"] = schema.notes;
  out["source"] = schema.source;
  out["doctest"] = schema.doctest;
  out["fields"] = fields;
  out["examples"] = examples;
  out["traits"] = py::cast(schema.traits);
  return out;
}

}  // namespace

Value to_value(const py::handle& given) {
  if (given.is_none()) return {};
  if (py::isinstance<py::bool_>(given)) return given.cast<bool>();
  if (py::hasattr(given, "_spec")) return SpecPointer(given.attr("_spec").cast<std::shared_ptr<Spec>>());
  if (py::isinstance<Spec>(given)) return SpecPointer(given.cast<std::shared_ptr<Spec>>());
  if (py::isinstance<py::str>(given)) return given.cast<std::string>();
  const auto numpy = py::module_::import("numpy");
  if (py::isinstance(given, numpy.attr("bool_"))) return given.cast<bool>();
  if (py::isinstance<py::int_>(given) || py::isinstance(given, numpy.attr("integer"))) {
    const auto number = py::int_(py::reinterpret_borrow<py::object>(given));
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow != 0) throw ConfigError(py::repr(number).cast<std::string>() + " does not fit 64 bits");
    return static_cast<int64_t>(value);
  }
  if (py::isinstance<py::float_>(given) || py::isinstance(given, numpy.attr("floating"))) {
    return py::float_(py::reinterpret_borrow<py::object>(given)).cast<double>();
  }
  if (py::isinstance<py::sequence>(given) || py::isinstance<py::array>(given)) {
    try {
      const auto array = py::array_t<double, py::array::c_style | py::array::forcecast>(
          py::reinterpret_borrow<py::object>(given));
      if (array.ndim() == 1) return std::vector<double>(array.data(), array.data() + array.size());
    } catch (py::error_already_set&) {
      // not numbers: refused below
    }
  }
  throw ConfigError("expected a number, a text, a row of numbers or an object of nncore, got " +
                    py::repr(given).cast<std::string>().substr(0, 200));
}

py::object to_python(const Value& value) {
  struct Converter {
    py::object operator()(std::monostate) const { return py::none(); }
    py::object operator()(bool x) const { return py::bool_(x); }
    py::object operator()(int64_t x) const { return py::int_(x); }
    py::object operator()(double x) const { return py::float_(x); }
    py::object operator()(const std::string& x) const { return py::str(x); }
    py::object operator()(const std::vector<double>& x) const { return py::tuple(py::cast(x)); }
    py::object operator()(const SpecPointer& x) const { return py::cast(std::const_pointer_cast<Spec>(x)); }
  };
  return std::visit(Converter{}, value);
}

void bind_registry(py::module_& m) {
  py::class_<Spec, std::shared_ptr<Spec>>(m, "Spec", "A registered thing with checked arguments.")
      .def(py::init(&make_spec), py::arg("kind"), py::arg("name"), py::arg("args"))
      .def_readonly("kind", &Spec::kind)
      .def_readonly("name", &Spec::name)
      .def_property_readonly("args", [](const Spec& spec) { return to_dict(spec.args.all()); });

  py::class_<LayerHandle, std::shared_ptr<LayerHandle>>(m, "LayerHandle", "A layer and, in a model, its parameters.")
      .def(py::init([](const std::shared_ptr<Spec>& spec) {
             auto handle = std::make_shared<LayerHandle>();
             handle->spec = *spec;
             return handle;
           }),
           py::arg("spec"))
      .def_property_readonly("spec", [](const LayerHandle& h) { return std::make_shared<Spec>(h.spec); })
      .def_property_readonly("dtype",
                             [](const LayerHandle& h) -> py::object {
                               if (h.f32) return py::str("float32");
                               if (h.f64) return py::str("float64");
                               return py::none();
                             })
      .def_readwrite("provisional", &LayerHandle::provisional)
      .def_readonly("generation", &LayerHandle::generation);

  m.def(
      "schemas",
      [] {
        py::list out;
        for (const auto& [key, schema] : schemas()) out.append(describe(schema));
        return out;
      },
      "Everything registered, as plain dicts.");
  m.def("schedule_rate", [](const Spec& spec, int64_t index) { return make<Schedule>(spec)->at(index); },
        py::arg("spec"), py::arg("index"));
  m.def("schedule_per_epoch", [](const Spec& spec) { return make<Schedule>(spec)->per_epoch(); }, py::arg("spec"));
  m.def(
      "initialize_array",
      [](const Spec& spec, const std::vector<int64_t>& extents, uint64_t seed) {
        const Shape shape(extents.data(), static_cast<int64_t>(extents.size()));
        const int64_t receptive = shape.rank() > 2 ? shape.size() / (shape[0] * shape[1]) : 1;
        const Fan fan = shape.rank() < 2 ? Fan{shape.size(), shape.size()} : Fan{shape[1] * receptive, shape[0] * receptive};
        py::array_t<double> out(extents);
        make<Initializer>(spec)->fill(shape, fan, Stream(seed, "init"), out.mutable_data());
        return out;
      },
      py::arg("spec"), py::arg("shape"), py::arg("seed"), "A new array filled by an initialiser.");
}

}  // namespace nncore
