/// Optimizers written in Python: their rule takes all parameters of a step, as copies, which replace the parameters
/// when the whole rule has run.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <limits>
#include <utility>

#include "bindings.hpp"
#include "nncore/optimizer.hpp"
#include "python.hpp"

namespace nncore {
namespace {

template <class T>
class PythonOptimizer final : public Optimizer<T> {
 public:
  PythonOptimizer(const Args& args, const std::string& kind, Weak optimizer)
      : Optimizer<T>(args), where_("[" + kind + "]"), optimizer_(std::move(optimizer)) {}

  bool user_defined() const override { return true; }
  /// The names that the rule has used so far, and unnamed arrays for those to come.
  std::vector<std::string> state_names() const override {
    const WithGil locked;
    auto names = optimizer_.get(where_).attr("_state_names").template cast<std::vector<std::string>>();
    names.resize(Optimizer<T>::kMaxStates);
    return names;
  }
  /// An array of NaN is one that the rule has not set yet: snapshots need no flags beside it.
  double initial_state() const override { return std::numeric_limits<double>::quiet_NaN(); }
  void update(const StepConstants&, int64_t, T*, const T*, T* const*) const override {
    throw StateError(where_ + " takes whole parameters");
  }

  void update_all(const StepConstants& step, const std::vector<Parameter<T>*>& parameters) override {
    const WithGil locked;
    const py::object optimizer = optimizer_.get(where_);
    py::list values, gradients, states;
    std::vector<std::size_t> taken;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i]->learns()) continue;
      taken.push_back(i);
      const Shape& shape = parameters[i]->shape;
      values.append(copy_out(View<const T>{parameters[i]->value, shape}));
      gradients.append(copy_out(View<const T>{parameters[i]->grad, shape}));
      py::list arrays;
      for (int k = 0; k < Optimizer<T>::kMaxStates; ++k) arrays.append(copy_out(View<const T>{slot(i, k), shape}));
      states.append(arrays);
    }
    const auto answer = optimizer.attr("_run")(step.rate, step.t, values, gradients, states).template cast<py::list>();
    for (std::size_t at = 0; at < taken.size(); ++at) {
      const std::size_t i = taken[at];
      const Shape& shape = parameters[i]->shape;
      take_array<T>(values[at], {parameters[i]->value, shape}, where_, "update");
      const auto arrays = answer[at].template cast<py::list>();
      for (int k = 0; k < Optimizer<T>::kMaxStates; ++k) {
        take_array<T>(arrays[static_cast<std::size_t>(k)], {slot(i, k), shape}, where_, "update");
      }
    }
  }

 private:
  T* slot(std::size_t parameter, int k) { return this->state(static_cast<int>(parameter), k); }

  std::string where_;
  Weak optimizer_;
};

struct PythonOptimizerFactory final : UserDefinedFactory<Optimizer<float>>, UserDefinedFactory<Optimizer<double>> {
  PythonOptimizerFactory(Args arguments, std::string name, Weak object)
      : args(std::move(arguments)), kind(std::move(name)), optimizer(std::move(object)) {}
  std::unique_ptr<Optimizer<float>> make(std::type_identity<Optimizer<float>>) const override {
    return std::make_unique<PythonOptimizer<float>>(args, kind, optimizer);
  }
  std::unique_ptr<Optimizer<double>> make(std::type_identity<Optimizer<double>>) const override {
    return std::make_unique<PythonOptimizer<double>>(args, kind, optimizer);
  }

  Args args;
  std::string kind;
  Weak optimizer;
};

}  // namespace

void bind_python_optimizer(py::module_& m) {
  m.def(
      "python_optimizer",
      [](const std::string& kind, const py::object& optimizer, const py::handle& rate) {
        const std::optional<Value> given = to_value(rate);
        const std::optional<Value> accepted = given ? rule::rate().accept(*given) : std::nullopt;
        if (!accepted) {
          throw ConfigError(expected("[" + kind + "]", "lr", rule::rate().expected, py::repr(rate).cast<std::string>()));
        }
        const Args args(std::map<std::string, Value>{{"lr", *accepted}});
        return std::make_shared<Spec>(
            Spec{"optimizer", kind, args, std::make_shared<PythonOptimizerFactory>(args, kind, Weak(optimizer))});
      },
      py::arg("kind"), py::arg("optimizer"), py::arg("rate"), "The spec of an optimizer written in Python.");
}

}  // namespace nncore
