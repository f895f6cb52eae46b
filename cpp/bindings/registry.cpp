/// Schemas as plain dicts, specs with checked arguments.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>

#include "array.hpp"
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

/// A short repr, whatever the object.
std::string repr_of(const py::handle& given) {
  try {
    const auto text = py::repr(given).cast<std::string>();
    return text.size() <= 200 ? text : text.substr(0, 200) + "…";
  } catch (const std::exception&) {
    return std::string("a ") + Py_TYPE(given.ptr())->tp_name;
  }
}

/// A Python function as the core calls it: from any thread, with or without the interpreter's lock.
class PythonFunction final : public IndexFunction {
 public:
  explicit PythonFunction(py::object function) : function_(std::move(function)) {}
  ~PythonFunction() override {
    const WithGil locked;
    function_ = py::object();
  }
  PythonFunction(const PythonFunction&) = delete;
  PythonFunction& operator=(const PythonFunction&) = delete;

  double at(int64_t index) const override {
    const WithGil locked;
    if (index == last_index_) return last_;  // the same index is asked for more than once in a step
    const py::object answer = function_(index);
    const auto value = to_value(answer);
    if (value && std::holds_alternative<double>(*value))
      last_ = std::get<double>(*value);
    else if (value && std::holds_alternative<int64_t>(*value))
      last_ = static_cast<double>(std::get<int64_t>(*value));
    else
      throw ConfigError(expected("[Schedule]", "fn", "a function that returns a number", repr_of(answer)));
    last_index_ = index;
    return last_;
  }
  const py::object& function() const { return function_; }

 private:
  py::object function_;
  mutable int64_t last_index_ = -1;
  mutable double last_ = 0;
};

/// An int beyond 64 bits as a double; infinity where a double cannot hold it either.
double large_number(const py::handle& given) {
  const double value = PyLong_AsDouble(given.ptr());
  if (PyErr_Occurred() == nullptr) return value;
  PyErr_Clear();
  return std::numeric_limits<double>::infinity();
}

std::map<std::string, Value> to_values(const Schema& schema, const py::dict& given) {
  std::map<std::string, Value> values;
  for (const auto& [key, object] : given) {
    const auto name = key.cast<std::string>();
    const auto field =
        std::find_if(schema.fields.begin(), schema.fields.end(), [&](const Field& f) { return f.name == name; });
    const bool known = field != schema.fields.end();
    std::optional<Value> value = to_value(object);
    if (!value && known && py::isinstance<py::int_>(object)) value = field->rule.accept(Value(large_number(object)));
    if (!value) {
      const std::string wanted = known ? field->rule.expected : "nothing";
      throw ConfigError(expected("[" + schema.name + "]", name, wanted, repr_of(object) + refusal(object)));
    }
    values[name] = *value;
  }
  return values;
}

py::dict to_dict(const std::map<std::string, Value>& values) {
  py::dict out;
  for (const auto& [name, value] : values) out[name.c_str()] = to_python(value);
  return out;
}

/// Nothing below the range of int64.
std::optional<Value> whole_number(const py::handle& given) {
  const auto number = py::int_(py::reinterpret_borrow<py::object>(given));
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow == 0) return value;
  return overflow > 0 ? std::optional<Value>(number.cast<uint64_t>()) : std::nullopt;
}

SpecPointer spec_of(const py::handle& given) {
  const auto spec = given.attr("_spec").cast<std::shared_ptr<Spec>>();
  if (!spec) throw py::type_error("a class, not one of its objects");
  return spec;
}

/// Limits the recursion depth and the total number of nested specs: they are built, printed and destroyed recursively,
/// and a spec that holds the same one twice, some levels deep, has exponentially many.
void check_size(const Spec& spec, const std::string& where, int level, int& parts) {
  constexpr int kLevels = 64, kParts = 1 << 14;
  if (level > kLevels || ++parts > kParts) {
    throw ConfigError(where + " expected at most " + std::to_string(kLevels) + " levels and " + std::to_string(kParts) +
                      " parts inside, got more");
  }
  for (const auto& [name, value] : spec.args.all()) {
    if (const auto* one = std::get_if<SpecPointer>(&value)) check_size(**one, where, level + 1, parts);
    if (const auto* row = std::get_if<std::vector<SpecPointer>>(&value)) {
      for (const auto& item : *row) check_size(*item, where, level + 1, parts);
    }
  }
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
  out["traits"] = to_dict(schema.traits);
  return out;
}

}  // namespace

std::shared_ptr<Spec> make_spec(const std::string& kind, const std::string& name, const py::dict& args) {
  const Schema& schema = find_schema(kind, name);
  auto spec = std::make_shared<Spec>(Spec{kind, name, bind_arguments(schema, to_values(schema, args))});
  int parts = 0;
  check_size(*spec, "[" + name + "]", 1, parts);
  try_out(*spec);
  return spec;
}

std::optional<Value> to_value(const py::handle& given) {
  try {
    // Nearly all arguments are one of these; asking for the classes of NumPy would take half of a layer's time to make.
    if (given.is_none()) return Value();
    if (PyBool_Check(given.ptr())) return given.ptr() == Py_True;
    if (PyFloat_CheckExact(given.ptr())) return PyFloat_AS_DOUBLE(given.ptr());
    if (PyLong_CheckExact(given.ptr())) return whole_number(given);
    if (PyUnicode_CheckExact(given.ptr())) return given.cast<std::string>();
    const auto numpy = py::module_::import("numpy");
    if (py::isinstance(given, numpy.attr("bool_"))) return given.cast<bool>();
    if (py::isinstance<Spec>(given)) return SpecPointer(given.cast<std::shared_ptr<Spec>>());
    if (py::hasattr(given, "_spec")) return spec_of(given);
    if (py::isinstance<py::str>(given)) return given.cast<std::string>();
    if (py::isinstance<py::int_>(given) || py::isinstance(given, numpy.attr("integer"))) return whole_number(given);
    if (py::isinstance<py::float_>(given) || py::isinstance(given, numpy.attr("floating"))) {
      return static_cast<double>(py::float_(py::reinterpret_borrow<py::object>(given)));
    }
    if (py::isinstance<py::tuple>(given) && py::len(given) > 0) {
      std::vector<SpecPointer> specs;
      for (const auto& item : py::reinterpret_borrow<py::tuple>(given)) {
        if (py::hasattr(item, "_spec")) specs.push_back(spec_of(item));
      }
      if (specs.size() == py::len(given)) return specs;
    }
    if (py::isinstance<py::sequence>(given)) {
      const auto row = values_of<double>(given, "", "");
      if (row.view.shape.rank() == 1) return std::vector<double>(row.view.data, row.view.data + row.view.size());
      return std::nullopt;
    }
    if (PyCallable_Check(given.ptr())) {
      return Value(std::make_shared<const PythonFunction>(py::reinterpret_borrow<py::object>(given)));
    }
  } catch (const std::exception&) {
    // too large, not text, not numbers: refused
  }
  return std::nullopt;
}

py::object to_python(const Value& value) {
  struct Converter {
    py::object operator()(std::monostate) const { return py::none(); }
    py::object operator()(bool x) const { return py::bool_(x); }
    py::object operator()(int64_t x) const { return py::int_(x); }
    py::object operator()(uint64_t x) const { return py::int_(x); }
    py::object operator()(double x) const { return py::float_(x); }
    py::object operator()(const std::string& x) const { return py::str(x); }
    py::object operator()(const std::vector<double>& x) const { return py::tuple(py::cast(x)); }
    py::object operator()(const std::vector<int64_t>& x) const { return py::tuple(py::cast(x)); }
    py::object operator()(const std::shared_ptr<const IndexFunction>& x) const {
      if (const auto* own = dynamic_cast<const PythonFunction*>(x.get())) return own->function();
      return py::cpp_function([x](int64_t index) { return x->at(index); });
    }
    py::object operator()(const SpecPointer& x) const { return py::cast(std::const_pointer_cast<Spec>(x)); }
    py::object operator()(const std::vector<SpecPointer>& x) const {
      py::tuple out(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) out[i] = (*this)(x[i]);
      return out;
    }
  };
  return std::visit(Converter{}, static_cast<const ValueVariant&>(value));
}

void bind_registry(py::module_& m) {
  py::class_<Spec, std::shared_ptr<Spec>>(m, "Spec", "A registered thing with checked arguments.")
      .def(py::init(&make_spec), py::arg("kind"), py::arg("name"), py::arg("args"))
      .def_readonly("kind", &Spec::kind)
      .def_readonly("name", &Spec::name)
      .def_property_readonly("args", [](const Spec& spec) { return to_dict(spec.args.all()); });

  py::class_<LayerHandle, std::shared_ptr<LayerHandle>>(m, "LayerHandle", "A layer and, in a model, its parameters.")
      .def(py::init([](const std::shared_ptr<Spec>& spec, std::vector<std::shared_ptr<LayerHandle>> children) {
             auto handle = std::make_shared<LayerHandle>();
             handle->spec = *spec;
             handle->children = std::move(children);
             return handle;
           }),
           py::arg("spec"), py::arg("children") = std::vector<std::shared_ptr<LayerHandle>>())
      .def_property(
          "spec", [](const LayerHandle& h) { return std::make_shared<Spec>(h.spec); },
          [](LayerHandle& h, const Spec& spec) {
            h.spec = spec;
            ++h.generation;
          },
          "Models made from here on compute by it; it has the same parameters as before.")
      .def_property_readonly("dtype",
                             [](LayerHandle& h) -> py::object {
                               std::string dtype;  // of a container: of what belongs to a model, else of what there is
                               bool settled = false;
                               h.each_leaf([&](const LayerHandle& leaf) {
                                 if (!(leaf.f32 || leaf.f64) || settled || (!dtype.empty() && leaf.provisional)) return;
                                 dtype = leaf.f32 ? "float32" : "float64";
                                 settled = !leaf.provisional;
                               });
                               return dtype.empty() ? py::object(py::none()) : py::str(dtype);
                             })
      .def(
          "share",
          [](const py::object& self) {
            const std::string dtype = py::str(self.attr("dtype"));
            self.cast<LayerHandle&>().each_leaf([&](LayerHandle& leaf) {
              if (dtype == "float32" ? leaf.f32 != nullptr : leaf.f64 != nullptr) leaf.provisional = false;
            });
          },
          "The next model of it uses the parameters it has in place of taking them over.")
      .def_property(
          "provisional",
          [](LayerHandle& h) {
            bool settled = false;
            h.each_leaf(
                [&](const LayerHandle& leaf) { settled = settled || (!leaf.provisional && (leaf.f32 || leaf.f64)); });
            return !settled;
          },
          [](LayerHandle& h, bool provisional) {
            h.each_leaf([&](LayerHandle& leaf) { leaf.provisional = provisional; });
          },
          "None of its parameters belong to a model.")
      .def_property(
          "free_parts",
          [](LayerHandle& h) {
            std::vector<bool> free;
            h.each_leaf([&](const LayerHandle& leaf) { free.push_back(leaf.provisional || !(leaf.f32 || leaf.f64)); });
            return free;
          },
          [](LayerHandle& h, const std::vector<bool>& free) {
            std::size_t i = 0;
            h.each_leaf([&](LayerHandle& leaf) { leaf.provisional = free.at(i++); });
          },
          "Of each layer inside, or of itself: may the next model take its parameters over?")
      .def_property(
          "freezing",
          [](const LayerHandle& h) {
            const auto& each = h.freezing.parameters;
            return std::make_pair(h.freezing.layer, std::vector<bool>(each.begin(), each.end()));
          },
          [](LayerHandle& h, const std::pair<bool, std::vector<bool>>& given) {
            h.freezing.layer = given.first;
            auto& each = h.freezing.parameters;
            while (each.size() < given.second.size()) each.push_back(false);
            std::copy(given.second.begin(), given.second.end(), each.begin());
          },
          "(the layer is frozen as a whole, which of its parameters and buffers are), of a leaf.")
      .def_property_readonly("generation", [](LayerHandle& h) {
        int64_t sum = 0;
        h.each_leaf([&](const LayerHandle& leaf) { sum += leaf.generation; });
        return sum;
      });

  m.def(
      "schemas",
      [] {
        py::list out;
        for (const auto& [key, schema] : schemas()) out.append(describe(schema));
        return out;
      },
      "Everything registered, as plain dicts.");
  m.def(
      "declared_size",
      [](const Spec& spec) {
        const auto layer = make<Layer<float>>(spec);
        int64_t n = 0;
        for (const auto& p : layer->parameters()) {
          if (__builtin_add_overflow(n, p.shape.size(), &n)) throw std::bad_alloc();
        }
        return n;
      },
      py::arg("spec"), "How many numbers a layer keeps, found without memory for them.");
  m.def(
      "declared_names",
      [](const Spec& spec) {
        std::vector<std::string> names;
        const auto layer = make<Layer<float>>(spec);
        for (const auto& p : layer->parameters()) names.push_back(p.name);
        return names;
      },
      py::arg("spec"), "The names of a layer's parameters and buffers.");
  m.def(
      "schedule_rate", [](const Spec& spec, int64_t index) { return make<Schedule>(spec)->at(index); }, py::arg("spec"),
      py::arg("index"));
  m.def(
      "schedule_monitor", [](const Spec& spec) { return make<Schedule>(spec)->monitor(); }, py::arg("spec"));
  m.def(
      "schedule_per_epoch", [](const Spec& spec) { return make<Schedule>(spec)->per_epoch(); }, py::arg("spec"));
  m.def(
      "initialize_array",
      [](const Spec& spec, const std::vector<int64_t>& extents, uint64_t seed) {
        const Shape shape(extents.data(), static_cast<int64_t>(extents.size()));
        int64_t receptive = 1;  // of a convolution's weight
        for (int axis = 2; axis < shape.rank(); ++axis) receptive *= shape[axis];
        const Fan fan =
            shape.rank() < 2 ? Fan{shape.size(), shape.size()} : Fan{shape[1] * receptive, shape[0] * receptive};
        py::array_t<double> out(extents);
        make<Initializer>(spec)->fill(shape, fan, Stream(seed, "init"), out.mutable_data());
        return out;
      },
      py::arg("spec"), py::arg("shape"), py::arg("seed"), "A new array filled by an initialiser.");
}

}  // namespace nncore
