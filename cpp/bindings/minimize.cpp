/// minimize and the perceptron: loops without a model.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "array.hpp"
#include "bindings.hpp"
#include "nncore/error.hpp"
#include "nncore/minimize.hpp"
#include "nncore/perceptron.hpp"

namespace nncore {
namespace {

/// Poll of loops that run without the GIL: raises KeyboardInterrupt.
bool check_signals() {
  const WithGil locked;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  return false;
}

/// The arrays of the trajectory: views of the memory it was written to, or copies where the end came early.
void add_trajectory(py::dict& out, Trajectory trajectory, int64_t dimension) {
  py::object owner = py::none();
  if (trajectory.records == trajectory.capacity && trajectory.memory != nullptr) {
    owner = py::capsule(trajectory.memory.get(), [](void* p) { std::free(p); });
    static_cast<void>(trajectory.memory.release());  // the capsule owns it now
  }
  const py::handle base = owner.is_none() ? py::handle() : owner;  // none: copy
  out["path"] = py::array_t<double>({trajectory.records, dimension}, trajectory.path, base);
  out["values"] = py::array_t<double>(trajectory.records, trajectory.values, base);
  out["steps"] = py::array_t<int64_t>(trajectory.records, trajectory.steps, base);
}

/// objective: a Spec, or a Python callable x -> (f, g).
py::dict run_minimize(const py::object& objective, const std::vector<double>& x0, const Spec& optimizer_spec,
                      int64_t steps, int64_t record_every, double tolerance) {
  const auto optimizer = make<Optimizer<double>>(optimizer_spec);
  const MinimizeOptions options{steps, record_every, tolerance};
  Minimum result;
  if (py::isinstance<Spec>(objective)) {
    const auto compiled = make<Objective>(objective.cast<const Spec&>());
    const WithoutGil unlocked;
    result = minimize(*compiled, x0, *optimizer, options, check_signals);
  } else {
    const auto function = [&](const std::vector<double>& x, std::vector<double>& g) {
      const py::array_t<double> at(static_cast<py::ssize_t>(x.size()), x.data());
      const auto answer = objective(at).cast<py::tuple>();
      const auto gradient = values_of<double>(answer[1], "[minimize]", "gradient");
      if (!(gradient.view.shape == Shape{static_cast<int64_t>(x.size())})) {
        throw ShapeError(expected("[minimize]", "gradient", Shape{static_cast<int64_t>(x.size())}.str(),
                                  gradient.view.shape.str()));
      }
      g.assign(gradient.view.data, gradient.view.data + gradient.view.size());
      return py::float_(answer[0]).cast<double>();
    };
    result = minimize(ObjectiveFunction(function), x0, *optimizer, options, check_signals);
  }
  const auto d = static_cast<int64_t>(x0.size());
  py::dict out;
  out["x"] = py::array_t<double>(static_cast<py::ssize_t>(d), result.x.data());
  out["fun"] = result.fun;
  out["nit"] = result.steps;
  out["status"] = static_cast<int>(result.status);
  add_trajectory(out, std::move(result.trajectory), d);
  return out;
}

py::dict objective_facts(const Spec& spec) {
  const auto objective = make<Objective>(spec);
  py::dict out;
  out["start"] = py::cast(objective->start());
  out["minimum"] = py::cast(objective->minimum());
  out["minima"] = py::cast(objective->minima());
  out["minimum_value"] = objective->minimum_value();
  return out;
}

py::tuple evaluate_objective(const Spec& spec, const std::vector<double>& x) {
  const auto objective = make<Objective>(spec);
  objective->check(static_cast<int64_t>(x.size()));
  std::vector<double> g(x.size());
  const double f = objective->value_and_gradient(x, g);
  return py::make_tuple(f, py::array_t<double>(static_cast<py::ssize_t>(g.size()), g.data()));
}

py::dict run_perceptron(const py::array_t<double>& X, const py::array_t<double>& y, double rate, int64_t max_epochs,
                        bool online, uint64_t seed) {
  PerceptronFit fit;
  {
    const WithoutGil unlocked;
    const PerceptronRule rule = online ? PerceptronRule::online : PerceptronRule::batch;
    fit = fit_perceptron(X.shape(0), X.shape(1), X.data(), y.data(), {rate, max_epochs, rule, seed}, check_signals);
  }
  py::dict out;
  out["weights"] = py::array_t<double>(static_cast<py::ssize_t>(fit.weights.size()), fit.weights.data());
  out["converged"] = fit.converged;
  out["epochs"] = fit.epochs;
  out["errors"] = py::array_t<int64_t>(static_cast<py::ssize_t>(fit.errors.size()), fit.errors.data());
  return out;
}

}  // namespace

void bind_minimize(py::module_& m) {
  m.def("minimize", &run_minimize, py::arg("objective"), py::arg("x0"), py::arg("optimizer"), py::arg("steps"),
        py::arg("record_every"), py::arg("tolerance"));
  m.def("objective_facts", &objective_facts, py::arg("spec"));
  m.def("evaluate_objective", &evaluate_objective, py::arg("spec"), py::arg("x"));
}

void bind_perceptron(py::module_& m) {
  m.def("fit_perceptron", &run_perceptron, py::arg("X"), py::arg("y"), py::arg("rate"), py::arg("max_epochs"),
        py::arg("online"), py::arg("seed"));
}

}  // namespace nncore
