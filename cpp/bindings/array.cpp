#include "array.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/reduce/reduce.hpp"
#include "nncore/error.hpp"

namespace nncore {
namespace {

std::string type_text(const py::array& array) { return "dtype " + py::str(array.dtype()).cast<std::string>(); }

std::vector<py::ssize_t> extents_of(const Shape& shape) {
  std::vector<py::ssize_t> extents;
  for (int i = 0; i < shape.rank(); ++i) extents.push_back(shape[i]);
  return extents;
}

/// The position of a flat index in a shape, as Python writes it.
std::string position(int64_t flat, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank(); axis-- > 0; flat /= shape[axis]) {
    text = std::to_string(flat % shape[axis]) + (text.empty() ? "" : ", ") + text;
  }
  return "[" + text + "]";
}

/// What the Python module of tables says of a DataFrame; None after an error.
py::object ask_tables(const char* function, const py::handle& given) {
  try {
    return py::module_::import("nncore._support.tables").attr(function)(given);
  } catch (const py::error_already_set&) {
    return py::none();
  }
}
std::string text_of_tables(const char* function, const py::handle& given) {
  const py::object text = ask_tables(function, given);
  return text.is_none() ? "" : text.cast<std::string>();
}

/// Of a DataFrame, the name of a column and what the others lack, for an error: ", column 'age'; …".
std::string column_name(const py::handle& given, int64_t column) {
  if (!py::hasattr(given, "columns")) return "";
  try {
    return ", column " + py::repr(given.attr("columns")[py::int_(column)]).cast<std::string>() +
           text_of_tables("holes", given);
  } catch (const py::error_already_set&) {
    return "";
  }
}

/// `given`: what the user gave, whose columns may have names.
template <class T>
void require_finite(View<const T> view, const std::string& where, const std::string& argument,
                    const py::handle& given, const char* hint = "") {
  if (kernels<T>().reduce.all_finite(view.size(), view.data)) return;
  const T* bad = std::find_if(view.data, view.data + view.size(), [](T v) { return !std::isfinite(v); });
  const int64_t at = bad - view.data;
  const std::string column = view.shape.rank() == 2 ? column_name(given, at % view.shape[1]) : "";
  throw ConfigError(expected(where, argument, std::string("finite ") + dtype_name<T>() + " numbers",
                             to_string(Value(static_cast<double>(*bad))) + " at " + position(at, view.shape) + column,
                             hint));
}

/// The start of what NumPy says of an object that it makes no array of; "" if it makes one, or says nothing.
std::string refusal_of_numpy(const py::handle& given) {
  try {
    py::module_::import("numpy").attr("asarray")(given);
    return "";
  } catch (const py::error_already_set& error) {
    const auto text = py::str(error.value()).cast<std::string>();
    return text.substr(0, std::min<std::size_t>(text.find('\n'), 200));
  }
}

/// The call that makes an array of a tensor of PyTorch that NumPy refuses; "" if it is none.
std::string conversion_of(const py::handle& tensor) {
  const auto type = py::str(py::getattr(tensor, "dtype", py::str(""))).cast<std::string>();
  if (type.rfind("torch.", 0) != 0) return "";
  std::string call;
  if (py::bool_(py::getattr(tensor, "requires_grad", py::bool_(false)))) call += ".detach()";
  if (py::bool_(py::getattr(tensor, "is_sparse", py::bool_(false)))) call += ".to_dense()";
  if (py::str(py::getattr(tensor, "device", py::str("cpu"))).cast<std::string>() != "cpu") call += ".cpu()";
  if (type == "torch.bfloat16") call += ".float()";
  return call;
}

/// The line that makes numbers of a sparse matrix, of batches, of text and the like; "" where none is known. `kind`: of
/// the dtype that NumPy gives it, "" where it makes no array.
std::string conversion_of_type(const py::handle& given, const std::string& kind, const std::string& argument) {
  try {
    const auto tables = py::module_::import("nncore._support.tables");
    return tables.attr("mend_of")(given, kind, argument).cast<std::string>();
  } catch (const py::error_already_set&) {
    return "";
  }
}

[[noreturn]] void refuse_object(const py::handle& given, const std::string& where, const std::string& argument) {
  throw ShapeError(expected(where, argument, "an array of real numbers",
                            "something NumPy cannot make an array of" + refusal(given),
                            conversion_of_type(given, "", argument)));
}

/// Are these the labels of samples as a reader of CSV files gives them: (N,), each a whole number that an int64 holds?
bool holds_whole_numbers(const py::array_t<double>& array) {
  return array.ndim() == 1 && array.size() > 0 && std::all_of(array.data(), array.data() + array.size(), [](double v) {
           return std::fabs(v) < 0x1p53 && v == std::floor(v);
         });
}

}  // namespace

std::string refusal(const py::handle& given) {
  if (!py::hasattr(given, "__array__")) return "";
  try {
    const std::string reason = refusal_of_numpy(given), call = conversion_of(given);
    if (reason.empty()) return "";
    return " (" + reason + (call.empty() ? "" : "; hint: tensor" + call) + ")";
  } catch (const py::error_already_set&) {  // of an object that answers every question with an error
    return "";
  }
}

Shape shape_of(const py::array& array) {
  int64_t extents[64];
  for (py::ssize_t i = 0; i < std::min<py::ssize_t>(array.ndim(), 64); ++i) extents[i] = array.shape(i);
  return Shape(extents, array.ndim());
}

py::array real_array(const py::handle& given, const std::string& where, const std::string& argument) {
  static constexpr const char* kWanted = "an array of real numbers";
  py::array array;
  if (py::isinstance<py::array>(given)) {
    array = py::reinterpret_borrow<py::array>(given);
    if (py::hasattr(given, "mask")) throw ShapeError(expected(where, argument, kWanted, "a masked array"));
  } else {
    if (py::isinstance<py::str>(given) || given.is_none()) {
      throw ShapeError(expected(where, argument, kWanted, py::repr(given).cast<std::string>()));
    }
    try {
      array = py::array::ensure(given);
    } catch (py::error_already_set&) {
      refuse_object(given, where, argument);
    }
    if (!array) {
      PyErr_Clear();
      refuse_object(given, where, argument);
    }
  }
  const char kind = array.dtype().kind();
  if (kind == 'f' || kind == 'i' || kind == 'u' || kind == 'b') return array;
  if (kind == 'O' && py::hasattr(given, "columns")) {
    const py::object numbers = ask_tables("table_numbers", given);
    if (!numbers.is_none()) return numbers;
  }
  const std::string columns = text_of_tables("other_columns", given);
  throw ShapeError(expected(where, argument, kWanted, type_text(array) + columns,
                            columns.empty() ? conversion_of_type(given, std::string(1, kind), argument) : ""));
}

bool holds_integers(const py::array& array) {
  const char kind = array.dtype().kind();
  return kind == 'i' || kind == 'u' || kind == 'b';
}

/// Contiguous and aligned, copied if need be. Throws what NumPy raises, which array_t::ensure swallows.
template <class V, int Flags = 0>
py::array_t<V> plain(const py::array& array) {
  constexpr int kFlags = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_} | Flags;
  return py::reinterpret_borrow<py::array_t<V>>(py::array_t<V, kFlags>(py::object(array)));
}

/// Can kernels read it as it is?
template <class T>
bool is_plain(const py::array& array) {
  return py::isinstance<py::array_t<T, py::array::c_style>>(array) &&
         (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

/// For its lifetime NumPy does not warn of numbers that become infinite: a user's filter may turn warnings into errors.
class WithoutWarnings {
 public:
  WithoutWarnings()
      : state_(
            py::module_::import("numpy").attr("errstate")(py::arg("over") = "ignore", py::arg("invalid") = "ignore")) {
    state_.attr("__enter__")();
  }
  ~WithoutWarnings() {
    const py::error_scope pending;  // an exception on its way stays as it is
    try {
      state_.attr("__exit__")(py::none(), py::none(), py::none());
    } catch (const py::error_already_set&) {
    }
  }
  WithoutWarnings(const WithoutWarnings&) = delete;
  WithoutWarnings& operator=(const WithoutWarnings&) = delete;

 private:
  py::object state_;
};

/// Numbers too large for T become infinite.
template <class T>
py::array_t<T> convert(const py::array& array) {
  if constexpr (std::is_same_v<T, float>) {
    if (array.dtype().is(py::dtype::of<double>())) {
      const auto doubles = plain<double>(array);
      py::array_t<float> out(extents_of(shape_of(array)));
      round_to_float(doubles.size(), doubles.data(), out.mutable_data());
      return out;
    }
  }
  const WithoutWarnings quiet;
  return plain<T, py::array::forcecast>(array);
}

template <class T>
py::array_t<T> contiguous(const py::array& array) {
  return is_plain<T>(array) ? py::reinterpret_borrow<py::array_t<T>>(array) : convert<T>(array);
}

template <class T>
Input<T> values_of(const py::handle& given, const std::string& where, const std::string& argument, bool finite) {
  const py::array array = real_array(given, where, argument);
  const Shape shape = shape_of(array);
  const py::array_t<T> converted = contiguous<T>(array);
  const View<const T> view{converted.data(), shape};
  if (finite) require_finite(view, where, argument, given);
  return {converted, view};
}

/// Numbers that T may not hold, normalised for the model: a block of rows at a time, so that there is no copy in double.
template <class T>
py::array_t<T> normalized_exactly(const Normalization<T>& norm, const py::array& array, const Shape& shape) {
  static constexpr int64_t kBlock = 1 << 18;
  py::array_t<T> out(extents_of(shape));
  if (is_plain<double>(array)) {
    normalize_exactly(norm, shape.size(), static_cast<const double*>(array.data()), out.mutable_data());
    return out;
  }
  const int64_t D = shape.row_size(), rows = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, D));
  const WithoutWarnings quiet;
  for (int64_t first = 0; first < shape[0]; first += rows) {
    const py::slice block(first, std::min(first + rows, shape[0]), 1);
    const auto doubles = plain<double, py::array::forcecast>(py::array(array[block]));
    normalize_exactly(norm, doubles.size(), doubles.data(), out.mutable_data() + first * D);
  }
  return out;
}

/// Does a float model normalise such numbers in double? All but float32 and bytes.
bool needs_double(const py::array& array) { return array.dtype().kind() != 'f' || array.itemsize() != 4; }

template <class T>
SamplesInput<T> samples_of(const Model<T>& model, const py::handle& given, const std::string& where,
                           const std::string& argument, bool finite, const char* hint, bool moved) {
  const py::array array = real_array(given, where, argument);
  const Shape shape = shape_of(array);
  if (shape.rank() < 2) {
    throw ShapeError(expected(where, argument, "(N, …), a row for each sample", shape.str(),
                              shape.rank() == 1 ? "one feature: X[:, None]; one sample: X[None, :]" : ""));
  }
  if (array.dtype().is(py::dtype::of<uint8_t>())) {
    if (!model.input()) {
      throw ConfigError(expected(where, argument, "numbers, or a model that turns bytes into numbers", "uint8",
                                 "Sequential(…, input=nc.Normalize.from_data(X, \"scale\"))"));
    }
    const auto bytes = plain<uint8_t>(array);
    return {bytes, {nullptr, bytes.data(), nullptr, shape}};
  }
  const auto& norm = model.input();
  const bool exactly = std::is_same_v<T, float> && norm && needs_double(array) &&
                       (norm->step() == 0 || static_cast<int64_t>(norm->mean.size()) == shape.row_size());
  if (exactly && moved) {
    const auto doubles = contiguous<double>(array);
    if (finite) require_finite<double>({doubles.data(), shape}, where, argument, given, hint);
    return {doubles, {nullptr, nullptr, doubles.data(), shape}};
  }
  const py::array_t<T> values = exactly ? normalized_exactly(*norm, array, shape) : contiguous<T>(array);
  if (finite) require_finite<T>({values.data(), shape}, where, argument, given, hint);
  return {values, {values.data(), nullptr, nullptr, shape, exactly}};
}

template <class T>
TargetInput<T> target_of(const Loss<T>& loss, const py::handle& given, const std::string& where, bool finite) {
  const py::array array = real_array(given, where, "y");
  if (loss.takes_labels() && holds_integers(array)) {
    // A copy: labels are indices, checked once, and callbacks or other threads may change y later. Unsigned ones beyond
    // 2^63 are no labels, and must not become negative ones.
    const auto from = plain<int64_t, py::array::forcecast>(array);
    py::array_t<int64_t> labels(extents_of(shape_of(array)));
    const bool wide = array.dtype().kind() == 'u' && array.itemsize() == 8;
    std::transform(from.data(), from.data() + from.size(), labels.mutable_data(),
                   [wide](int64_t v) { return wide && v < 0 ? INT64_MAX : v; });
    return {labels, {labels.data(), nullptr, shape_of(array)}};
  }
  const bool may_be_labels = loss.takes_labels() && !loss.user_defined() && loss.link() != Link::sign;
  if (may_be_labels && array.ndim() == 1) {
    const auto doubles = plain<double, py::array::forcecast>(array);
    if (holds_whole_numbers(doubles)) {
      py::array_t<int64_t> labels(extents_of(shape_of(array)));
      std::transform(doubles.data(), doubles.data() + doubles.size(), labels.mutable_data(),
                     [](double v) { return static_cast<int64_t>(v); });
      return {labels, {labels.data(), nullptr, shape_of(array)}};
    }
  }
  const Input<T> values = values_of<T>(array, where, "y", finite);
  return {values.array, {nullptr, values.view.data, values.view.shape}};
}

std::optional<py::array_t<double>> weights_of(const py::handle& given, int64_t N, const std::string& where,
                                              bool zeros) {
  constexpr const char* kName = "sample_weight";
  if (given.is_none()) return std::nullopt;
  const Input<double> input = values_of<double>(given, where, kName, true);
  const View<const double>& view = input.view;
  if (!(view.shape == Shape{N})) {
    throw ShapeError(expected(where, kName, "one number for each sample, " + Shape{N}.str(), view.shape.str()));
  }
  bool positive = zeros || N == 0;
  for (int64_t n = 0; n < N; ++n) {
    if (view.data[n] < 0) {
      throw ConfigError(expected(where, kName, "numbers >= 0",
                                 to_string(Value(view.data[n])) + " at " + std::to_string(n)));
    }
    positive = positive || view.data[n] > 0;
  }
  if (!positive) throw ConfigError(expected(where, kName, "a number > 0 among them", "zeros alone"));
  return copy_out(view);
}

template <class T>
py::array_t<T> new_array(const Shape& shape) {
  return py::array_t<T>(extents_of(shape));
}

template <class T>
py::array_t<T> copy_out(View<const T> view) {
  auto out = new_array<T>(view.shape);
  std::copy_n(view.data, view.size(), out.mutable_data());
  return out;
}

template <class T>
py::array_t<T> view_out(T* data, const Shape& shape, const py::object& owner) {
  return py::array_t<T>(extents_of(shape), data, owner);
}

#define NNCORE_INSTANTIATE(T)                                                                                   \
  template Input<T> values_of(const py::handle&, const std::string&, const std::string&, bool);                 \
  template SamplesInput<T> samples_of(const Model<T>&, const py::handle&, const std::string&,                   \
                                      const std::string&, bool, const char*, bool);                             \
  template TargetInput<T> target_of(const Loss<T>&, const py::handle&, const std::string&, bool);               \
  template py::array_t<T> new_array(const Shape&);                                                              \
  template py::array_t<T> copy_out(View<const T>);                                                              \
  template py::array_t<T> view_out(T*, const Shape&, const py::object&);
NNCORE_INSTANTIATE(float)
NNCORE_INSTANTIATE(double)
template py::array_t<int64_t> copy_out(View<const int64_t>);

}  // namespace nncore
