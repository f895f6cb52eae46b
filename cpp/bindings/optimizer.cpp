/// Optimizer32 and Optimizer64: the core of an optimizer that serves one model.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "array.hpp"
#include "bindings.hpp"
#include "nncore/model.hpp"
#include "nncore/optimizer.hpp"

namespace nncore {
namespace {

template <class T>
using OptimizerPointer = std::shared_ptr<Optimizer<T>>;

template <class T>
OptimizerPointer<T> make_optimizer(const Spec& spec, Model<T>& model) {
  OptimizerPointer<T> optimizer = make<Optimizer<T>>(spec);
  optimizer->attach(model.parameters());
  return optimizer;
}

/// {name: writable array} of the state of parameter i.
template <class T>
py::dict state(const OptimizerPointer<T>& optimizer, int i) {
  if (i < 0 || i >= optimizer->n_parameters()) throw py::index_error();
  py::dict out;
  const auto names = optimizer->state_names();
  for (int k = 0; k < optimizer->n_states(); ++k) {
    out[names[static_cast<std::size_t>(k)].c_str()] =
        view_out(optimizer->state(i, k), {optimizer->state_size(i)}, py::cast(optimizer));
  }
  return out;
}

template <class T>
void bind_optimizer_of(py::module_& m, const char* name) {
  py::class_<Optimizer<T>, OptimizerPointer<T>>(m, name)
      .def(py::init(&make_optimizer<T>), py::arg("spec"), py::arg("model"))
      .def("step",
           [](Optimizer<T>& optimizer, Model<T>& model) {
             const typename Model<T>::AccessGuard guard(model, "Optimizer.step");
             optimizer.step(model.parameters());
             model.parameters_changed();
           },
           py::arg("model"))
      .def("state", &state<T>, py::arg("parameter"))
      .def_property_readonly("monitor", [](const Optimizer<T>& optimizer) { return optimizer.schedule().monitor(); })
      .def_property("schedule_state", [](const Optimizer<T>& optimizer) { return optimizer.schedule().state(); },
                    [](Optimizer<T>& optimizer, const std::map<std::string, double>& state) {
                      optimizer.schedule().set_state(state);
                    })
      .def("observe", [](Optimizer<T>& optimizer, double value) { optimizer.schedule().observe(value); },
           py::arg("value"))
      .def_property("rate", &Optimizer<T>::rate, &Optimizer<T>::set_rate)
      .def_property("t", &Optimizer<T>::t, &Optimizer<T>::set_t)
      .def_property("epoch", &Optimizer<T>::epoch, &Optimizer<T>::set_epoch)
      .def_property("hand_epochs", &Optimizer<T>::hand_epochs, &Optimizer<T>::set_hand_epochs);
}

}  // namespace

void bind_optimizer(py::module_& m) {
  bind_optimizer_of<float>(m, "Optimizer32");
  bind_optimizer_of<double>(m, "Optimizer64");
}

}  // namespace nncore
