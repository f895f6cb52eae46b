#include "nncore/registry.hpp"

#include "nncore/error.hpp"

namespace nncore {
namespace {

std::map<std::pair<std::string, std::string>, Schema>& all_schemas() {
  static std::map<std::pair<std::string, std::string>, Schema> all;
  return all;
}

}  // namespace

const std::map<std::pair<std::string, std::string>, Schema>& schemas() { return all_schemas(); }

const Schema& find_schema(std::string_view kind, std::string_view name) {
  const auto found = all_schemas().find({std::string(kind), std::string(name)});
  if (found != all_schemas().end()) return found->second;
  std::string names;
  for (const auto& [key, schema] : all_schemas()) {
    if (key.first == kind) names += (names.empty() ? "" : ", ") + key.second;
  }
  throw ConfigError("no " + std::string(kind) + " is called '" + std::string(name) + "'; there are: " + names);
}

Registration::Registration(const char* kind, const char* name) : schema_(all_schemas()[{kind, name}]) {
  schema_.kind = kind;
  schema_.name = name;
}
Registration& Registration::summary(const char* text) {
  schema_.summary = text;
  return *this;
}
Registration& Registration::formula(const char* text) {
  schema_.formula = text;
  return *this;
}
Registration& Registration::shapes(const char* text) {
  schema_.shapes = text;
  return *this;
}
Registration& Registration::notes(const char* text) {
  schema_.notes = text;
  return *this;
}
Registration& Registration::source(const char* text) {
  schema_.source = text;
  return *this;
}
Registration& Registration::doctest(const char* text) {
  schema_.doctest = text;
  return *this;
}
Registration& Registration::required(const char* name, const Rule& rule, const char* doc) {
  schema_.fields.push_back({name, rule, std::nullopt, doc, false});
  return *this;
}
Registration& Registration::field(const char* name, const Value& fallback, const Rule& rule, const char* doc) {
  schema_.fields.push_back({name, rule, fallback, doc, false});
  return *this;
}
Registration& Registration::keyword(const char* name, const Value& fallback, const Rule& rule, const char* doc) {
  schema_.fields.push_back({name, rule, fallback, doc, true});
  return *this;
}
Registration& Registration::example(std::initializer_list<Argument> args, const Shape& sample) {
  Example& example = schema_.examples.emplace_back();
  for (const Argument& argument : args) example.args[argument.name] = argument.value;
  example.sample = sample;
  return *this;
}
Registration& Registration::trait(const char* name, const Value& value) {
  schema_.traits[name] = value;
  return *this;
}

}  // namespace nncore
