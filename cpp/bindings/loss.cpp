/// Losses called directly, and gradient checks.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "array.hpp"
#include "bindings.hpp"
#include "nncore/error.hpp"
#include "nncore/gradcheck.hpp"
#include "nncore/loss.hpp"

namespace nncore {

const char* link_name(Link link) {
  switch (link) {
    case Link::softmax: return "softmax";
    case Link::log_softmax: return "log_softmax";
    case Link::sigmoid: return "sigmoid";
    case Link::sign: return "sign";
    case Link::identity: break;
  }
  return "identity";
}

namespace {

constexpr double kWorkOfAnElement = 16;  // floating-point operations of a loss for one output, roughly

/// (value, dz) of a loss for outputs z of the loss's own type.
template <class T>
py::tuple evaluate(const Spec& spec, const py::object& z_given, const py::object& y_given,
                   const py::object& weights_given, bool gradient) {
  const std::string where = "[" + spec.name + "]";
  const auto loss = make<Loss<T>>(spec);
  const auto z = values_of<T>(z_given, where, "z");
  auto y = target_of<T>(*loss, y_given, where, false);
  if (z.view.shape.rank() < 1 || z.view.shape[0] == 0) {
    throw ShapeError(expected(where, "z", "at least one sample", z.view.shape.str()));
  }
  y.target = like_outputs(*loss, z.view.shape, y.target);
  const auto weights = weights_of(weights_given, z.view.shape[0], where, true);
  if (weights) y.target.weights = weights->data();
  loss->check(z.view.shape, y.target);
  py::object dz = py::none();
  T* to = nullptr;
  if (gradient) {
    auto array = copy_out(z.view);
    to = array.mutable_data();
    dz = array;
  }
  const double work = kWorkOfAnElement * static_cast<double>(z.view.size());
  return py::make_tuple(without_gil(work, [&] { return loss->value_and_gradient(z.view, y.target, to); }), dz);
}

py::tuple evaluate_any(const Spec& spec, const py::object& z, const py::object& y, const py::object& weights,
                       bool gradient) {
  const bool single = py::isinstance<py::array_t<float>>(z);
  return single ? evaluate<float>(spec, z, y, weights, gradient) : evaluate<double>(spec, z, y, weights, gradient);
}

py::list check_gradients(const std::shared_ptr<Model<double>>& model, const Spec& spec, const py::object& X,
                         const py::object& y_given, const py::object& weights_given, double eps, uint64_t seed,
                         bool inputs) {
  const auto loss = make<Loss<double>>(spec);
  const auto samples = samples_of<double>(*model, X, "[gradcheck]", "X", true);
  const auto x = values_of<double>(samples.array, "[gradcheck]", "X");
  auto y = target_of<double>(*loss, y_given, "[gradcheck]", true);
  if (x.view.shape[0] == 0) throw ShapeError(expected("[gradcheck]", "X", "at least one sample", x.view.shape.str()));
  const auto weights = weights_of(weights_given, x.view.shape[0], "[gradcheck]");
  if (weights) y.target.weights = weights->data();
  const auto own = copy_out(x.view);
  const auto poll = [] {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return false;
  };
  const typename Model<double>::AccessGuard guard(*model, "nncore.gradcheck");
  py::list out;
  for (const GradientError& e :
       gradcheck(*model, *loss, {const_cast<double*>(own.data()), x.view.shape}, y.target, eps, seed, inputs,
                poll)) {
    out.append(py::make_tuple(e.name, e.max_relative_error, e.index, e.analytic, e.numeric, e.kinks));
  }
  return out;
}

}  // namespace

void bind_loss(py::module_& m) {
  m.def("loss", &evaluate_any, py::arg("spec"), py::arg("z"), py::arg("y"), py::arg("weights"),
        py::arg("gradient"));
  m.def("loss_link", [](const Spec& spec) { return link_name(make<Loss<double>>(spec)->link()); }, py::arg("spec"));
  m.def("gradcheck", &check_gradients, py::arg("model"), py::arg("loss"), py::arg("X"), py::arg("y"), py::arg("weights"), py::arg("eps"),
        py::arg("seed"), py::arg("inputs"));
}

}  // namespace nncore
