/// Trainer32 and Trainer64: the epoch loop, with the GIL released.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "array.hpp"
#include "bindings.hpp"
#include "kernels/table.hpp"
#include "metric.hpp"
#include "nncore/error.hpp"
#include "nncore/metric_names.hpp"
#include "nncore/thread_pool.hpp"
#include "train/model_batch/model_batch.hpp"
#include "train/trainer_schema.hpp"

namespace nncore {
namespace {

using namespace py::literals;

// What a training measures, as dictionaries; no templates, so that they are compiled once and not for each data type.

py::dict to_dict(const Evaluation& evaluation, const Names& names) {
  py::dict out;
  for_each_number("", names, evaluation, [&](const std::string& key, double value) { out[key.c_str()] = value; });
  return out;
}

py::dict to_dict(const EpochRecord& record, const Names& names) {
  py::dict row;
  row["epoch"] = record.epoch;
  for_each_number(record, names, [&](const std::string& key, double value) { row[key.c_str()] = value; });
  return row;
}

py::dict to_dict(const Observation& seen, const std::vector<std::string>& names) {
  const auto rows = static_cast<py::ssize_t>(names.size());
  py::dict record("step"_a = seen.step, "epoch"_a = seen.epoch, "loss"_a = seen.loss, "grad_norm"_a = seen.grad_norm,
                  "names"_a = names);
  const auto columns = static_cast<py::ssize_t>(kStatistics), bins = static_cast<py::ssize_t>(seen.bins);
  record["statistics"] = py::array_t<double>({rows, columns}, &seen.statistics.front().min);
  record["counts"] = py::none();
  if (bins > 0) record["counts"] = py::array_t<int64_t>({rows, bins}, seen.counts.data());
  return record;
}

py::dict to_dict(const FitResult& result, const Names& names) {
  const auto array = [](const Trace& trace) {
    return py::array_t<double>(static_cast<py::ssize_t>(trace.values().size()), trace.values().data());
  };
  std::vector<int64_t> numbers;
  std::vector<std::pair<std::string, std::vector<double>>> columns;  // in the order of a record
  if (result.epochs.empty()) columns = {{"loss", {}}, {"lr", {}}, {"seconds", {}}};
  for (const EpochRecord& record : result.epochs) {
    numbers.push_back(record.epoch);
    for_each_number(record, names, [&](const std::string& key, double value) {
      auto at = std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.first == key; });
      if (at == columns.end()) at = columns.insert(at, {key, {}});
      at->second.resize(numbers.size() - 1, std::nan(""));  // an epoch without this number
      at->second.push_back(value);
    });
  }
  py::dict epochs;
  epochs["epoch"] = py::array_t<int64_t>(static_cast<py::ssize_t>(numbers.size()), numbers.data());
  for (auto& [key, values] : columns) {
    values.resize(numbers.size(), std::nan(""));
    epochs[key.c_str()] = py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
  }
  py::dict d;
  d["epochs"] = epochs;
  d["step_loss"] = array(result.losses);
  d["step_lr"] = array(result.rates);
  d["step_grad_norm"] = array(result.grad_norms);
  d["stride"] = result.losses.stride();
  d["first_step"] = result.losses.first();
  d["steps"] = result.steps;
  d["seconds"] = result.seconds;
  d["interrupted"] = result.interrupted;
  d["nonfinite"] = result.nonfinite;
  return d;
}

/// Calls Python between steps and epochs: `poll(epoch, epochs, step, steps, loss)` and `epoch_done(dict)`, true: stop.
template <class T>
class PythonObserver final : public Observer {
 public:
  PythonObserver(py::object poll, py::object epoch_done, std::vector<SamplingInterval> intervals, py::object observed,
                 const Names& names, typename Model<T>::AccessGuard& guard)
      : poll_(std::move(poll)),
        epoch_done_(std::move(epoch_done)),
        observed_(std::move(observed)),
        intervals_(std::move(intervals)),
        names_(names),
        guard_(guard) {}

  bool poll(const Progress& p) override {
    const WithGil locked;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return poll_(p.epoch, p.epochs, p.step, p.steps_per_epoch, p.loss).template cast<bool>();
  }
  bool wants_epochs() const override { return !epoch_done_.is_none(); }
  bool epoch_done(const EpochRecord& record) override {
    const WithGil locked;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    const py::dict row = to_dict(record, names_);
    guard_.suspend();  // the callback may compute with the model
    const bool stop = epoch_done_(row).template cast<bool>();
    guard_.resume();
    return stop;
  }
  std::vector<SamplingInterval> sampling_intervals() const override { return intervals_; }
  bool observed(const Observation& seen, const std::vector<std::string>& names) override {
    const WithGil locked;
    return observed_(seen.interval, to_dict(seen, names)).template cast<bool>();
  }

 private:
  py::object poll_, epoch_done_, observed_;
  std::vector<SamplingInterval> intervals_;
  const Names& names_;
  typename Model<T>::AccessGuard& guard_;
};

/// A trainer, the model and the optimizer that it refers to, and its options.
template <class T>
class TrainerBinding {
 public:
  TrainerBinding(std::shared_ptr<Model<T>> model, const Spec& loss, std::shared_ptr<Optimizer<T>> optimizer,
                 const Spec& options)
      : model_(std::move(model)),
        optimizer_(std::move(optimizer)),
        options_(trainer_options(options.args)),
        augmented_(!options.args.is_none("augment")),
        loss_(loss),
        trainer_(*model_, make<Loss<T>>(loss), *optimizer_, options_) {}

  void fit(const py::object& X, const py::object& y, const py::object& weights, const py::object& validation, const py::object& test,
           int64_t epochs, int64_t steps, const std::optional<std::string>& accuracy, const py::list& metrics,
           py::object poll, py::object epoch_done,
           const std::vector<std::tuple<int64_t, std::string, int64_t>>& sampling, py::object observed) {
    RequestedMetrics<T> requested = requested_metrics<T>(accuracy, metrics);
    Names names = names_of(requested);
    typename Model<T>::AccessGuard guard(*model_, "Trainer.fit");
    const Fitting fitting(*this);
    const auto val = check_pair(validation, "[fit] validation_data:", requested),
               tst = check_pair(test, "[fit] test_data:", requested);
    const Checked train = check_training({X, y, weights}, "[fit]", requested);
    requested.reading = train.reading;
    requested.meaning = train.meaning;
    names_ = std::move(names);
    std::vector<SamplingInterval> intervals;
    for (const auto& [every, per, bins] : sampling) intervals.push_back({every, per == "epoch", bins});
    PythonObserver<T> observer(std::move(poll), std::move(epoch_done), std::move(intervals), std::move(observed),
                               names_, guard);
    const WithoutGil unlocked;
    trainer_.fit(train.data, dataset(val), dataset(tst), {epochs, steps}, requested, observer);
  }

  /// Fits up to `lanes` trainers with the same key as one batch; true for each whose numbers were not finite, which has
  /// to be fitted alone.
  static std::vector<bool> fit_model_batch(const std::vector<TrainerBinding*>& trainers, const py::object& X,
                                           const py::object& y, const py::object& validation, const py::object& test,
                                           int64_t epochs, int64_t steps, const std::optional<std::string>& accuracy,
                                           const py::list& metrics, py::object poll) {
    TrainerBinding& first = *trainers.at(0);
    RequestedMetrics<T> requested = requested_metrics<T>(accuracy, metrics);
    std::deque<typename Model<T>::AccessGuard> guards;
    std::deque<Fitting> fittings;
    std::vector<Trainer<T>*> cores;
    for (TrainerBinding* trainer : trainers) {
      guards.emplace_back(*trainer->model_, "nncore.sweep");
      fittings.emplace_back(*trainer);
      trainer->names_ = names_of(requested);
      cores.push_back(&trainer->trainer_);
    }
    const auto val = first.check_pair(validation, "[fit] validation_data:", requested),
               tst = first.check_pair(test, "[fit] test_data:", requested);
    const Checked train = first.check({X, y}, "[fit]", requested, first.checks_finite());
    requested.reading = train.reading;
    requested.meaning = train.meaning;
    PythonObserver<T> observer(std::move(poll), py::none(), {}, py::none(), first.names_, guards.front());
    const WithoutGil unlocked;
    return ModelBatch<T>(cores, train.data).fit(dataset(val), dataset(tst), {epochs, steps}, requested, observer);
  }

  /// What ModelBatch::key returns; None: this trainer is fitted alone.
  std::optional<std::string> model_batch_key(int64_t samples) { return ModelBatch<T>::key(trainer_, samples); }

  /// Result of the last fit, or in a callback of the one under way; `take`: it is cleared afterwards.
  py::dict result(bool take) {
    refuse_while_running();
    py::dict d = to_dict(trainer_.result(), names_);
    if (take) trainer_.clear_result();
    return d;
  }

  double step(const py::object& X, const py::object& y, const py::object& weights) {
    const typename Model<T>::AccessGuard guard(*model_, "Trainer.step");
    const Fitting fitting(*this);
    const Checked batch = check_training({X, y, weights, true}, "[step]", {});
    const WithoutGil unlocked;
    return trainer_.step(batch.data);
  }

  /// Of the first layer in the plan: "batch_major" or "feature_major"; "online" for that executor; None before a step.
  py::object layout() const {
    if (trainer_.plan() == nullptr) return py::none();
    const auto layout = trainer_.plan()->layout();
    return py::str(!layout ? "online" : *layout == Layout::feature_major ? "feature_major" : "batch_major");
  }

  py::dict evaluate(const py::object& X, const py::object& y, const py::object& weights, const std::optional<std::string>& accuracy,
                    const py::list& metrics, bool allow_nan) {
    RequestedMetrics<T> requested = requested_metrics<T>(accuracy, metrics);
    const typename Model<T>::AccessGuard guard(*model_, "Trainer.evaluate", Access::read);
    const ExecutionContext<T> context(*model_);
    const auto loss = make<Loss<T>>(loss_);  // a loss has memory, too
    const char* hint = "allow_nan=True computes such rows, too";
    const Checked data = check(*context, *loss, {X, y, weights}, "[evaluate]", requested, !allow_nan, hint);
    requested.reading = data.reading;
    requested.meaning = data.meaning;
    Evaluation result;
    {
      const WithoutGil unlocked;
      const ThreadLimit threads(options_.num_threads);
      Buffer<T> outputs;
      result = nncore::evaluate(*context, *loss, data.data, requested, outputs);
    }
    return to_dict(result, names_of(requested));
  }

  const char* link() { return link_name(trainer_.loss().link()); }

  py::dict state() {
    refuse_while_running();
    py::dict out;
    for (const auto& [name, value] : to_values(trainer_.state())) out[name.c_str()] = to_python(value);
    return out;
  }
  void set_state(const py::dict& given) {
    refuse_while_running();
    trainer_.set_state(trainer_state(make_spec("progress", "Trainer", given)->args));
  }

 private:
  /// Set during a fit: a callback may read the model and evaluate it, but not call fit or step of its trainer.
  class Fitting {
   public:
    explicit Fitting(TrainerBinding& owner) : owner_(owner) {
      if (owner_.fitting_) throw StateError("[Trainer] fit: a fit of this trainer is under way");
      owner_.fitting_ = true;
    }
    ~Fitting() { owner_.fitting_ = false; }
    Fitting(const Fitting&) = delete;
    Fitting& operator=(const Fitting&) = delete;

   private:
    TrainerBinding& owner_;
  };

  /// The state may be read or set from a callback, but not from another thread while a fit computes.
  void refuse_while_running() {
    if (fitting_) typename Model<T>::AccessGuard{*model_, "Trainer.state", Access::read};
  }

  /// Are data refused in which numbers are not finite? trainer_ has the same options.
  bool checks_finite() const { return options_.on_nonfinite != OnNonfinite::ignore; }

  struct Given {
    const py::object &X, &y;
    const py::object weights = py::none();
    const bool zeros = false;  ///< may all weights be 0?
  };
  struct Checked {
    py::array x, y;  // keep the memory
    std::optional<py::array_t<double>> weights;
    Dataset<T> data;
    Reading reading;
    Interpretation meaning;
  };

  /// Finds all that can be wrong with the data before anything changes, but for the shapes the model is built for: the
  /// caller has its AccessGuard.
  Checked check(Model<T>& model, Loss<T>& loss, const Given& given, const std::string& where,
                const RequestedMetrics<T>& requested, bool finite, const char* hint = "") const {
    const auto x = samples_of<T>(model, given.X, where, "X", finite, hint, augmented_);
    auto target = target_of<T>(loss, given.y, where, checks_finite());
    const int64_t N = x.samples.shape[0];
    if (N == 0) throw ShapeError(expected(where, "X", "at least one sample", x.samples.shape.str()));
    const Shape wanted = target.target.shape;
    if (wanted.rank() < 1 || wanted[0] != N) {
      throw ShapeError(expected(where, "y", "as many as the samples of X, " + std::to_string(N), wanted.str()));
    }
    const Shape z = model.build(x.samples.shape.sample(), std::to_string(N)).back().with_batch(N);
    target.target = like_outputs(loss, z, target.target);
    const auto weights = weights_of(given.weights, N, where, given.zeros);
    if (weights) target.target.weights = weights->data();
    loss.check(z, target.target);
    Reading reading;
    if (requested.accuracy) {
      reading = reading_of(loss, outputs_of(model), z, target.target, requested.accuracy_required);
    }
    Interpretation meaning;
    if (!requested.metrics.empty()) {
      const Outputs outputs = outputs_of(model);
      meaning = {loss.link(), outputs, reading_of(loss, outputs, z, target.target, true)};
    }
    for (const Metric<T>& metric : requested.metrics) metric.check(meaning, z, target.target);
    if (requested.accuracy_required && reading.kind == Reading::Kind::values) {
      throw ConfigError(expected(where, "metrics: 'accuracy'", kClassTargets, "targets " + wanted.str(),
                                 "metrics=[\"mae\", \"r2\"] measure values"));
    }
    return {x.array, target.array, weights, {x.samples, target.target}, reading, meaning};
  }
  Checked check(const Given& given, const std::string& where, const RequestedMetrics<T>& requested, bool finite) {
    return check(*model_, trainer_.loss(), given, where, requested, finite);
  }

  Checked check_training(const Given& given, const std::string& where, const RequestedMetrics<T>& requested) {
    Checked result = check(given, where, requested, checks_finite());
    const Shape& shape = result.data.x.shape;
    if (augmented_ && shape.rank() != 4) {
      throw ShapeError(expected(where, "X", "images (N, C, H, W) for augment", shape.str()));
    }
    return result;
  }

  std::optional<Checked> check_pair(const py::object& pair, const std::string& where,
                                    const RequestedMetrics<T>& requested) {
    if (pair.is_none()) return std::nullopt;
    const auto given = pair.cast<py::tuple>();
    const py::object X = given[0], y = given[1], weights = given.size() > 2 ? py::object(given[2]) : py::none();
    return check({X, y, weights}, where, requested, checks_finite());
  }
  static std::optional<Dataset<T>> dataset(const std::optional<Checked>& checked) {
    return checked ? std::optional<Dataset<T>>(checked->data) : std::nullopt;
  }

  std::shared_ptr<Model<T>> model_;
  std::shared_ptr<Optimizer<T>> optimizer_;
  const TrainerOptions options_;
  const bool augmented_;
  const Spec loss_;
  bool fitting_ = false;
  Names names_;  // of the last fit's metrics
  Trainer<T> trainer_;
};

template <class T>
void bind_trainer_of(py::module_& m, const char* name) {
  py::class_<TrainerBinding<T>>(m, name)
      .def(py::init<std::shared_ptr<Model<T>>, const Spec&, std::shared_ptr<Optimizer<T>>, const Spec&>(),
           py::arg("model"), py::arg("loss"), py::arg("optimizer"), py::arg("options"))
      .def("fit", &TrainerBinding<T>::fit, py::arg("X"), py::arg("y"), py::arg("weights"), py::arg("validation"), py::arg("test"),
           py::arg("epochs"), py::arg("steps"), py::arg("accuracy"), py::arg("metrics"), py::arg("poll"),
           py::arg("epoch_done"), py::arg("sampling"), py::arg("observed"))
      .def_static("fit_model_batch", &TrainerBinding<T>::fit_model_batch, py::arg("trainers"), py::arg("X"),
                  py::arg("y"), py::arg("validation"), py::arg("test"), py::arg("epochs"), py::arg("steps"),
                  py::arg("accuracy"), py::arg("metrics"), py::arg("poll"))
      .def("model_batch_key", &TrainerBinding<T>::model_batch_key, py::arg("samples"))
      .def_property_readonly_static("lanes", [](const py::object&) { return kernels<T>().lanes; })
      .def("result", &TrainerBinding<T>::result, py::arg("take"))
      .def("step", &TrainerBinding<T>::step, py::arg("X"), py::arg("y"), py::arg("weights"))
      .def("evaluate", &TrainerBinding<T>::evaluate, py::arg("X"), py::arg("y"), py::arg("weights"), py::arg("accuracy"),
           py::arg("metrics"), py::arg("allow_nan"))
      .def_property_readonly("layout", &TrainerBinding<T>::layout)
      .def_property_readonly("link", &TrainerBinding<T>::link)
      .def_property("state", &TrainerBinding<T>::state, &TrainerBinding<T>::set_state);
}

}  // namespace

void bind_trainer(py::module_& m) {
  py::list metrics, facts;
  for (const MetricName& metric : kMetricNames) {
    if (metric.measured) metrics.append(metric.name);
  }
  for (const std::string_view name : kFactNames) facts.append(name);
  m.attr("METRICS") = py::tuple(metrics);  // those that a fit measures by name
  m.attr("FACTS") = py::tuple(facts);
  m.def("quantity", &quantity, py::arg("column"));
  m.def(
      "known_direction", [](const std::string& column) { return larger_is_better(column); }, py::arg("column"),
      "Is a larger value better? None: the name does not tell.");
  m.def("larger_is_better",
        py::overload_cast<const std::string&, const std::string&, const std::string&>(&larger_is_better),
        py::arg("where"), py::arg("column"), py::arg("mode"));
  bind_trainer_of<float>(m, "Trainer32");
  bind_trainer_of<double>(m, "Trainer64");
}

}  // namespace nncore
