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

std::string to_string(const Value& value) { return std::visit(Writer{}, value); }

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
