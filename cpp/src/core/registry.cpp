#include "nncore/registry.hpp"

#include "nncore/error.hpp"
#include "nncore/initializer.hpp"
#include "nncore/layer.hpp"
#include "nncore/loss.hpp"
#include "nncore/objective.hpp"
#include "nncore/optimizer.hpp"
#include "nncore/schedule.hpp"

namespace nncore {
namespace {

std::map<std::pair<std::string, std::string>, Schema>& all_schemas() {
  static std::map<std::pair<std::string, std::string>, Schema> all;
  return all;
}

}  // namespace

const std::map<std::pair<std::string, std::string>, Schema>& schemas() { return all_schemas(); }

const Schema& find_schema(const std::string& kind, const std::string& name) {
  const auto found = all_schemas().find({kind, name});
  if (found != all_schemas().end()) return found->second;
  std::string names;
  for (const auto& [key, schema] : all_schemas()) {
    if (key.first == kind) names += (names.empty() ? "" : ", ") + key.second;
  }
  throw ConfigError("no " + kind + " is called '" + name + "'; there are: " + names);
}

template <class Base>
Factories<Base>& factories() {
  static Factories<Base> all;
  return all;
}
template Factories<Layer<float>>& factories();
template Factories<Layer<double>>& factories();
template Factories<Loss<float>>& factories();
template Factories<Loss<double>>& factories();
template Factories<Optimizer<float>>& factories();
template Factories<Optimizer<double>>& factories();
template Factories<Initializer>& factories();
template Factories<Schedule>& factories();
template Factories<Objective>& factories();

Registration::Registration(const std::string& kind, const std::string& name) : schema_(all_schemas()[{kind, name}]) {
  schema_.kind = kind;
  schema_.name = name;
}
Registration& Registration::summary(std::string text) {
  schema_.summary = std::move(text);
  return *this;
}
Registration& Registration::formula(std::string text) {
  schema_.formula = std::move(text);
  return *this;
}
Registration& Registration::shapes(std::string text) {
  schema_.shapes = std::move(text);
  return *this;
}
Registration& Registration::notes(std::string text) {
  schema_.notes = std::move(text);
  return *this;
}
Registration& Registration::source(std::string text) {
  schema_.source = std::move(text);
  return *this;
}
Registration& Registration::doctest(std::string text) {
  schema_.doctest = std::move(text);
  return *this;
}
Registration& Registration::required(std::string name, Rule rule, std::string doc) {
  schema_.fields.push_back({std::move(name), std::move(rule), std::nullopt, std::move(doc), false});
  return *this;
}
Registration& Registration::field(std::string name, Value fallback, Rule rule, std::string doc) {
  schema_.fields.push_back({std::move(name), std::move(rule), std::move(fallback), std::move(doc), false});
  return *this;
}
Registration& Registration::keyword(std::string name, Value fallback, Rule rule, std::string doc) {
  schema_.fields.push_back({std::move(name), std::move(rule), std::move(fallback), std::move(doc), true});
  return *this;
}
Registration& Registration::example(std::map<std::string, Value> args, Shape sample) {
  schema_.examples.push_back({std::move(args), sample});
  return *this;
}
Registration& Registration::trait(const std::string& name) {
  schema_.traits[name] = true;
  return *this;
}

}  // namespace nncore
