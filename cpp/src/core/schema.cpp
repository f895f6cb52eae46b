#include "nncore/schema.hpp"

#include <charconv>
#include <cmath>

#include "nncore/error.hpp"

namespace nncore {
namespace {

/// The shortest text that reads back as the same number, with Python's ".0".
std::string number_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, x).ptr;
  std::string out(text, end);
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

struct Writer {
  std::string operator()(std::monostate) const { return "None"; }
  std::string operator()(bool x) const { return x ? "True" : "False"; }
  std::string operator()(int64_t x) const { return std::to_string(x); }
  std::string operator()(uint64_t x) const { return std::to_string(x); }
  std::string operator()(double x) const { return number_text(x); }
  std::string operator()(const std::string& x) const { return "'" + x + "'"; }
  template <class V>
  std::string operator()(const std::vector<V>& x) const {
    std::string text = "(";
    for (const auto& element : x) text += (text.size() > 1 ? ", " : "") + (*this)(element);
    return text + (x.size() == 1 ? ",)" : ")");
  }
  std::string operator()(const std::shared_ptr<const IndexFunction>&) const { return "a function"; }
  std::string operator()(const std::shared_ptr<const Spec>& x) const { return "a " + x->kind + ", " + x->name; }
};

}  // namespace

Value::Value() = default;
Value::Value(bool x) : ValueVariant(x) {}
Value::Value(int x) : ValueVariant(int64_t{x}) {}
Value::Value(long x) : ValueVariant(int64_t{x}) {}
Value::Value(long long x) : ValueVariant(int64_t{x}) {}
Value::Value(unsigned long x) : ValueVariant(uint64_t{x}) {}
Value::Value(unsigned long long x) : ValueVariant(uint64_t{x}) {}
Value::Value(double x) : ValueVariant(x) {}
Value::Value(const char* x) : ValueVariant(std::string(x)) {}
Value::Value(std::string x) : ValueVariant(std::move(x)) {}
Value::Value(std::vector<double> x) : ValueVariant(std::move(x)) {}
Value::Value(std::vector<int64_t> x) : ValueVariant(std::move(x)) {}
Value::Value(std::shared_ptr<const Spec> x) : ValueVariant(std::move(x)) {}
Value::Value(std::vector<std::shared_ptr<const Spec>> x) : ValueVariant(std::move(x)) {}
Value::Value(std::shared_ptr<const IndexFunction> x) : ValueVariant(std::move(x)) {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

const Value& Args::at(std::string_view name) const { return values_.at(std::string(name)); }
bool Args::is_none(std::string_view name) const { return std::holds_alternative<std::monostate>(at(name)); }

template <class V>
V Args::get(std::string_view name) const {
  return std::get<V>(at(name));
}
template <>
float Args::get<float>(std::string_view name) const {
  return static_cast<float>(std::get<double>(at(name)));
}
template bool Args::get(std::string_view) const;
template int64_t Args::get(std::string_view) const;
template uint64_t Args::get(std::string_view) const;
template double Args::get(std::string_view) const;
template std::string Args::get(std::string_view) const;
template std::vector<double> Args::get(std::string_view) const;
template std::vector<int64_t> Args::get(std::string_view) const;
template std::vector<std::shared_ptr<const Spec>> Args::get(std::string_view) const;
template std::shared_ptr<const IndexFunction> Args::get(std::string_view) const;

Rule::Rule(std::string wanted, std::string python_type, std::shared_ptr<const Check> check)
    : expected(std::move(wanted)), annotation(std::move(python_type)), check_(std::move(check)) {}
Rule::Rule(const Rule&) = default;
Rule::Rule(Rule&&) noexcept = default;
Rule& Rule::operator=(const Rule&) = default;
Rule& Rule::operator=(Rule&&) noexcept = default;
Rule::~Rule() = default;
std::optional<Value> Rule::accept(const Value& given) const { return check_->accept(given); }

std::string to_string(const Value& value) { return std::visit(Writer{}, static_cast<const ValueVariant&>(value)); }

Args bind_arguments(const Schema& schema, const std::map<std::string, Value>& given) {
  const std::string where = "[" + schema.name + "]";
  std::map<std::string, Value> values;
  for (const Field& field : schema.fields) {
    const auto found = given.find(field.name);
    if (found == given.end() && !field.fallback) {
      throw ConfigError(expected(where, field.name, field.rule.expected, "nothing"));
    }
    const Value& value = found == given.end() ? *field.fallback : found->second;
    const auto accepted = field.rule.accept(value);
    if (!accepted) throw ConfigError(expected(where, field.name, field.rule.expected, to_string(value)));
    values[field.name] = *accepted;
  }
  for (const auto& [name, value] : given) {
    if (values.count(name) == 0) throw ConfigError(where + " has no argument '" + name + "'");
  }
  return Args(std::move(values));
}

}  // namespace nncore
