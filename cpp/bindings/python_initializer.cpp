/// Initialisers written in Python: to the core one like any other, which takes the interpreter's lock to run.
#include <pybind11/pybind11.h>

#include <cmath>
#include <utility>

#include "bindings.hpp"
#include "nncore/initializer.hpp"
#include "python.hpp"

namespace nncore {
namespace {

/// The indices of element i, as NumPy writes them.
std::string index_of(const Shape& shape, int64_t i) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = std::to_string(i % shape[axis]) + (text.empty() ? "" : ", ") + text;
    i /= shape[axis];
  }
  return "[" + text + "]";
}

class PythonInitializer final : public Initializer {
 public:
  PythonInitializer(std::string kind, OwnedObject function)
      : where_("[" + std::move(kind) + "]"), function_(std::move(function)) {}

  void fill(const Shape& shape, const Fan& fan, const Stream& stream, double* out) const override {
    fill_parameter(where_, "values", shape, fan, stream, out);
  }

  void fill_parameter(const std::string& where, const std::string& argument, const Shape& shape, const Fan&,
                      const Stream& stream, double* out) const override {
    const WithGil locked;
    const auto& key = stream.key();
    take_array<double>(function_.get()(to_tuple(shape), key[0], key[1]), {out, shape}, where, argument);
    for (int64_t i = 0; i < shape.size(); ++i) {
      if (std::isfinite(out[i])) continue;
      throw ConfigError(
          expected(where, argument, "finite numbers", to_string(Value(out[i])) + " at " + index_of(shape, i)));
    }
  }

 private:
  std::string where_;
  OwnedObject function_;
};

struct PythonInitializerFactory final : UserDefinedFactory<Initializer> {
  PythonInitializerFactory(std::string name, OwnedObject object) : kind(std::move(name)), function(std::move(object)) {}
  std::unique_ptr<Initializer> make(std::type_identity<Initializer>) const override {
    return std::make_unique<PythonInitializer>(kind, function);
  }
  std::string kind;
  OwnedObject function;
};

}  // namespace

void bind_python_initializer(py::module_& m) {
  m.def(
      "python_initializer",
      [](const std::string& kind, const py::object& function) {
        auto factory = std::make_shared<PythonInitializerFactory>(kind, OwnedObject(function));
        return std::make_shared<Spec>(Spec{"initializer", kind, {}, std::move(factory)});
      },
      py::arg("kind"), py::arg("function"),
      "The spec of an initialiser written in Python: function(shape, key, key) -> array.");
}

}  // namespace nncore
