#include <algorithm>
#include <cmath>

#include "core/make_rule.hpp"

namespace nncore::rule {
namespace {

/// A number given as int or float; bool is not a number here.
std::optional<double> as_number(const Value& v) {
  if (const auto* i = std::get_if<int64_t>(&v)) return static_cast<double>(*i);
  if (const auto* i = std::get_if<uint64_t>(&v)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&v)) return *d;
  return std::nullopt;
}

template <class Test>
Rule number_that(std::string wanted, Test test) {
  return make_rule(std::move(wanted), "float", [test](const Value& v) -> std::optional<Value> {
    const auto x = as_number(v);
    return x && std::isfinite(*x) && test(*x) ? std::optional<Value>(*x) : std::nullopt;
  });
}

std::string short_text(double x) {
  const std::string text = to_string(Value(x));
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

}  // namespace

Rule boolean() {
  return make_rule("True or False", "bool", [](const Value& v) -> std::optional<Value> {
    return std::holds_alternative<bool>(v) ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule integer(int64_t low, int64_t high) {
  const std::string range = high == INT64_MAX
                                ? "an integer >= " + std::to_string(low)
                                : "an integer in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
  return make_rule(range, "int", [low, high](const Value& v) -> std::optional<Value> {
    const auto* i = std::get_if<int64_t>(&v);
    return i != nullptr && *i >= low && *i <= high ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule seed() {
  return make_rule("an integer in [0, " + std::to_string(UINT64_MAX) + "]", "int",
                   [](const Value& v) -> std::optional<Value> {
                     const auto* i = std::get_if<int64_t>(&v);
                     if (i != nullptr) return *i >= 0 ? std::optional<Value>(static_cast<uint64_t>(*i)) : std::nullopt;
                     return std::holds_alternative<uint64_t>(v) ? std::optional<Value>(v) : std::nullopt;
                   });
}

Rule number() {
  return number_that("a finite number", [](double) { return true; });
}
Rule positive() {
  return number_that("a number > 0", [](double x) { return x > 0; });
}
Rule non_negative() {
  return number_that("a number >= 0", [](double x) { return x >= 0; });
}
Rule in_range(double low, double high) {
  return number_that("a number in [" + short_text(low) + ", " + short_text(high) + ")",
                     [low, high](double x) { return x >= low && x < high; });
}
Rule in_closed(double low, double high) {
  return number_that("a number in [" + short_text(low) + ", " + short_text(high) + "]",
                     [low, high](double x) { return x >= low && x <= high; });
}

Rule pair_in_range(double low, double high) {
  return make_rule("two numbers in [" + short_text(low) + ", " + short_text(high) + ")", "tuple[float, float]",
                   [low, high](const Value& v) -> std::optional<Value> {
                     const auto* pair = std::get_if<std::vector<double>>(&v);
                     const auto inside = [=](double x) { return x >= low && x < high; };
                     const bool good =
                         pair != nullptr && pair->size() == 2 && std::all_of(pair->begin(), pair->end(), inside);
                     return good ? std::optional<Value>(v) : std::nullopt;
                   });
}

Rule one_of(std::vector<std::string> names) {
  std::string wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    wanted += (i == 0 ? "'" : i + 1 == names.size() ? " or '" : ", '") + names[i] + "'";
  }
  return make_rule(wanted, "str", [names = std::move(names)](const Value& v) -> std::optional<Value> {
    const auto* text = std::get_if<std::string>(&v);
    const bool known = text != nullptr && std::find(names.begin(), names.end(), *text) != names.end();
    return known ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule name() {
  return make_rule("a name", "str", [](const Value& v) -> std::optional<Value> {
    const auto* text = std::get_if<std::string>(&v);
    const bool word = text != nullptr && !text->empty() && text->find_first_of(" \t\n") == std::string::npos;
    return word ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule index_function() {
  return make_rule("a function of the index", "Callable[[int], float]", [](const Value& v) -> std::optional<Value> {
    const bool is_function = std::holds_alternative<std::shared_ptr<const IndexFunction>>(v);
    return is_function ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule milestones() {
  return make_rule("integers >= 0, each larger than the one before", "Sequence[int]",
                   [](const Value& v) -> std::optional<Value> {
                     if (std::holds_alternative<std::vector<int64_t>>(v)) return v;  // accepted before
                     const auto* row = std::get_if<std::vector<double>>(&v);
                     if (row == nullptr || row->empty()) return std::nullopt;
                     std::vector<int64_t> whole;
                     for (const double x : *row) {
                       const bool grows = whole.empty() ? x >= 0 : x > static_cast<double>(whole.back());
                       if (!grows || x != std::floor(x) || x > 9007199254740992.0)
                         return std::nullopt;  // beyond 2^53 not exact
                       whole.push_back(static_cast<int64_t>(x));
                     }
                     return whole;
                   });
}

Rule numbers() {
  return make_rule(
      "a one-dimensional array of finite numbers >= 0", "ArrayLike", [](const Value& v) -> std::optional<Value> {
        const auto* xs = std::get_if<std::vector<double>>(&v);
        const auto good = [](double x) { return std::isfinite(x) && x >= 0; };
        return xs != nullptr && !xs->empty() && std::all_of(xs->begin(), xs->end(), good) ? std::optional<Value>(v)
                                                                                          : std::nullopt;
      });
}

Rule extents() {
  return make_rule("an integer >= 1 or a row of them", "int | Sequence[int]",
                   [](const Value& v) -> std::optional<Value> {
                     constexpr double most = 0x1p53;  // beyond, doubles skip integers
                     std::vector<double> given;
                     if (const auto* row = std::get_if<std::vector<double>>(&v)) given = *row;
                     if (const auto* row = std::get_if<std::vector<int64_t>>(&v))
                       given.assign(row->begin(), row->end());
                     if (const auto* one = std::get_if<int64_t>(&v)) given.push_back(static_cast<double>(*one));
                     const auto good = [](double x) { return x >= 1 && x <= most && std::floor(x) == x; };
                     if (given.empty() || !std::all_of(given.begin(), given.end(), good)) return std::nullopt;
                     std::vector<int64_t> extents;
                     for (const double x : given) extents.push_back(static_cast<int64_t>(x));
                     return Value(extents);
                   });
}

Rule pair(int64_t low, int64_t high) {
  const Rule one = integer(low, high);
  return make_rule(one.expected + " or two of them", "int | tuple[int, int]",
                   [one](const Value& v) -> std::optional<Value> {
                     std::vector<int64_t> both;
                     if (const auto* row = std::get_if<std::vector<double>>(&v)) {
                       for (const double x : *row) {
                         if (!(std::floor(x) == x && std::abs(x) <= 0x1p53)) return std::nullopt;
                         both.push_back(static_cast<int64_t>(x));
                       }
                     } else if (const auto* checked = std::get_if<std::vector<int64_t>>(&v)) {
                       both = *checked;
                     } else {
                       return one.accept(v);
                     }
                     const auto good = [&](int64_t x) { return one.accept(x).has_value(); };
                     return both.size() == 2 && std::all_of(both.begin(), both.end(), good) ? std::optional<Value>(both)
                                                                                            : std::nullopt;
                   });
}

Rule padding(int64_t high) {
  const Rule numbers = pair(0, high), names = one_of({"same", "valid"});
  return make_rule(numbers.expected + ", " + names.expected, numbers.annotation + " | str",
                   [numbers, names](const Value& v) -> std::optional<Value> {
                     const auto given = numbers.accept(v);
                     return given ? given : names.accept(v);
                   });
}

Rule layers() {
  return make_rule("layers, one or more", "Layer", [](const Value& v) -> std::optional<Value> {
    const auto* row = std::get_if<std::vector<std::shared_ptr<const Spec>>>(&v);
    const auto is_layer = [](const auto& spec) { return spec->kind == "layer"; };
    const bool good = row != nullptr && !row->empty() && std::all_of(row->begin(), row->end(), is_layer);
    return good ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule either(Rule first, Rule second) {
  return make_rule(first.expected + " or " + second.expected, first.annotation + " | " + second.annotation,
                   [first, second](const Value& v) -> std::optional<Value> {
                     const auto given = first.accept(v);
                     return given ? given : second.accept(v);
                   });
}

Rule one_or_more_numbers() {
  return make_rule("a number >= 0 or a one-dimensional array of them", "float | ArrayLike",
                   [one = non_negative(), several = numbers()](const Value& v) -> std::optional<Value> {
                     const auto number = one.accept(v);
                     return number ? number : several.accept(v);
                   });
}

Rule optional(Rule inner) {
  return make_rule(inner.expected + " or None", inner.annotation + " | None",
                   [inner](const Value& v) -> std::optional<Value> {
                     return std::holds_alternative<std::monostate>(v) ? std::optional<Value>(v) : inner.accept(v);
                   });
}

}  // namespace nncore::rule
