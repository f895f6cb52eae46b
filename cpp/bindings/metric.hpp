/// Metrics as Python names them: names of built-in ones, and triples (name, function, takes_weights).
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "nncore/metric.hpp"
#include "nncore/trainer.hpp"
#include "python.hpp"

namespace nncore {

/// A Python function f(y_true, outputs), or, of weighted samples and where it `takes_weights`, f(y_true, outputs,
/// sample_weight=s).
template <class T>
Metric<T> python_metric(const std::string& name, const py::object& function, bool takes_weights) {
  const auto value = [name, takes_weights, held = OwnedObject(function)](const Interpretation&, View<const T> z,
                                                                         const Target<T>& y) {
    const WithGil locked;
    const py::object target = y.labels != nullptr ? py::object(copy_out(View<const int64_t>{y.labels, y.shape}))
                                                  : py::object(copy_out(View<const T>{y.values, y.shape}));
    py::dict options;
    if (y.weights != nullptr && takes_weights) {
      options["sample_weight"] = copy_out(View<const double>{y.weights, Shape{z.batch()}});
    }
    py::object given;
    try {
      given = held.get()(target, copy_out(z), **options);
    } catch (const py::error_already_set& error) {
      error.value().attr("add_note")("in the metric '" + name + "', which is called with the targets " + y.shape.str() +
                                     " and the raw outputs " + z.shape.str() + ", not with labels");
      throw;
    }
    try {
      return py::float_(given).template cast<double>();
    } catch (const py::error_already_set&) {
      throw ConfigError(expected("[fit]", "metrics: " + name, "a number", py::repr(given).cast<std::string>()));
    }
  };
  return {name, [](const Interpretation&, const Shape&, const Target<T>&) {}, value};
}

template <class T>
std::vector<Metric<T>> to_metrics(const py::list& given) {
  std::vector<Metric<T>> metrics;
  for (const py::handle item : given) {
    if (py::isinstance<py::str>(item)) {
      metrics.push_back(metric<T>(item.cast<std::string>()));
    } else {
      const auto [name, function, takes_weights] = item.cast<std::tuple<std::string, py::object, bool>>();
      metrics.push_back(python_metric<T>(name, function, takes_weights));
    }
  }
  return metrics;
}

/// `accuracy`: None; "default": where the loss has classes; "required": an error where it has none.
template <class T>
RequestedMetrics<T> requested_metrics(const std::optional<std::string>& accuracy, const py::list& metrics) {
  return {accuracy.has_value(), to_metrics<T>(metrics), accuracy == "required", {}, {}};
}

}  // namespace nncore
