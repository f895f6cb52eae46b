/// Losses written in Python: to the core a loss like any other, which takes the interpreter's lock to run.
#include <pybind11/pybind11.h>

#include <utility>

#include "bindings.hpp"
#include "nncore/loss.hpp"
#include "python.hpp"

namespace nncore {
namespace {

Link link_of(const py::object& loss, const std::string& where, const Shape& z, bool labels) {
  const py::object given = loss.attr("link");
  // None: labels of two classes or more mean a softmax.
  if (given.is_none()) return labels && z.rank() == 2 && z[1] > 1 ? Link::softmax : Link::identity;
  const std::pair<const char*, Link> links[] = {{"identity", Link::identity},
                                                {"softmax", Link::softmax},
                                                {"log_softmax", Link::log_softmax},
                                                {"sigmoid", Link::sigmoid},
                                                {"sign", Link::sign}};
  for (const auto& [name, link] : links) {
    if (py::isinstance<py::str>(given) && given.cast<std::string>() == name) return link;
  }
  throw ConfigError(expected(where, "link", "'identity', 'softmax', 'log_softmax', 'sigmoid', 'sign' or None",
                             py::repr(given).cast<std::string>()));
}

template <class T>
class PythonLoss final : public Loss<T> {
 public:
  PythonLoss(const std::string& kind, Weak loss) : where_("[" + kind + "]"), loss_(std::move(loss)) {}

  bool user_defined() const override { return true; }
  bool takes_labels() const override { return true; }
  Link link() const override { return link_; }
  std::optional<int64_t> ignored_label() const override { return ignored_; }

  void check(const Shape& z, const Target<T>& y) const override {
    if (z.rank() < 1 || y.shape.rank() < 1 || y.shape[0] != z[0]) {
      throw ShapeError(expected(where_, "y", "as many as the rows of z, " + z.str(), y.shape.str()));
    }
    if (y.weights != nullptr) {
      throw ConfigError(expected(where_, "sample_weight", "a loss of nncore", "one written in Python, which gets none"));
    }
    const WithGil locked;
    const py::object loss = loss_.get(where_);
    link_ = link_of(loss, where_, z, y.labels != nullptr && y.shape.rank() == 1);
    const py::object ignored = py::getattr(loss, "ignore_index", py::none());
    ignored_ = py::isinstance<py::int_>(ignored) ? std::optional(ignored.cast<int64_t>()) : std::nullopt;
  }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    const WithGil locked;
    const py::object target = y.labels != nullptr ? py::object(copy_out(View<const int64_t>{y.labels, y.shape}))
                                                  : py::object(copy_out(View<const T>{y.values, y.shape}));
    const py::tuple pair = loss_.get(where_).attr("_run")(copy_out(z), target, dz != nullptr);
    if (dz == nullptr) return pair[0].cast<double>();
    take_array<T>(pair[1], {dz, z.shape}, where_, "dz", [&]() -> std::string {
      const bool rows = z.shape.rank() > 1 && y.shape == z.shape.rows();  // NumPy makes (N, N) of (N, 1) and (N,)
      return rows && z.shape.back() == 1 ? "y.reshape(z.shape) is a column, as z" : "";
    });
    return pair[0].cast<double>();
  }

 private:
  std::string where_;
  Weak loss_;
  mutable Link link_ = Link::identity;  ///< of the targets checked last
  mutable std::optional<int64_t> ignored_;
};

struct PythonLossFactory final : UserDefinedFactory<Loss<float>>, UserDefinedFactory<Loss<double>> {
  PythonLossFactory(std::string name, Weak object) : kind(std::move(name)), loss(std::move(object)) {}
  std::unique_ptr<Loss<float>> make(std::type_identity<Loss<float>>) const override {
    return std::make_unique<PythonLoss<float>>(kind, loss);
  }
  std::unique_ptr<Loss<double>> make(std::type_identity<Loss<double>>) const override {
    return std::make_unique<PythonLoss<double>>(kind, loss);
  }

  std::string kind;
  Weak loss;
};

}  // namespace

void bind_python_loss(py::module_& m) {
  m.def(
      "python_loss",
      [](const std::string& kind, const py::object& loss) {
        return std::make_shared<Spec>(Spec{"loss", kind, {}, std::make_shared<PythonLossFactory>(kind, Weak(loss))});
      },
      py::arg("kind"), py::arg("loss"), "The spec of a loss written in Python.");
}

}  // namespace nncore
