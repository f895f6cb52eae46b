#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings.hpp"
#include "gil.hpp"
#include "nncore/cpu.hpp"
#include "nncore/thread_pool.hpp"

PYBIND11_MODULE(_core, m) {
  using namespace nncore;
  m.doc() = "The compiled core of nncore.";
  m.attr("__version__") = NNCORE_VERSION;
  bind_errors(m);
  bind_attributes(m);
  bind_registry(m);
  bind_python_initializer(m);
  bind_python_layer(m);
  bind_python_loss(m);
  bind_python_optimizer(m);
  bind_model(m);
  bind_loss(m);
  bind_optimizer(m);
  bind_trainer(m);
  bind_minimize(m);
  bind_perceptron(m);
  bind_functional(m);
  m.def("kernel_set", &kernel_set);
  m.def("kernel_sets", &kernel_sets);
  m.def(
      "fma_rate",
      [](bool single, int64_t rounds) {
        const WithoutGil unlocked;
        return single ? fma_rate<float>(rounds) : fma_rate<double>(rounds);
      },
      py::arg("single"), py::arg("rounds"), "Floating-point operations a second of one core at its best.");
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, py::arg("n"));
  m.def("default_num_threads", &default_num_threads);
  kernel_set();  // an NNCORE_ISA that this CPU cannot run is an error at import
}
