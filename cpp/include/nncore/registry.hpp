/// The registry: a source file that declares a layer, loss, optimizer, initialiser, schedule or objective at file
/// scope is all it takes to add one.
///
///     const auto registered = layer<LeakyReLU>("LeakyReLU").summary("…").field("negative_slope", …);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "nncore/schema.hpp"

namespace nncore {

template <class T>
class Layer;
template <class T>
class Loss;
template <class T>
class Optimizer;
class Initializer;
class Schedule;
class Objective;

/// Every schema by (kind, name), in alphabetical order.
const std::map<std::pair<std::string, std::string>, Schema>& schemas();
/// Throws ConfigError that lists the names there are.
const Schema& find_schema(const std::string& kind, const std::string& name);

template <class Base>
using Factories = std::map<std::string, std::function<std::unique_ptr<Base>(const Args&)>>;
template <class Base>
Factories<Base>& factories();

/// A new object from checked arguments.
template <class Base>
std::unique_ptr<Base> make(const Spec& spec) {
  if (spec.foreign) return dynamic_cast<const Maker<Base>&>(*spec.foreign).make({});
  return factories<Base>().at(spec.name)(spec.args);
}

/// Writes a schema, line by line.
class Registration {
 public:
  Registration(const std::string& kind, const std::string& name);
  Registration& summary(std::string text);
  Registration& formula(std::string text);  ///< may hold several lines
  Registration& shapes(std::string text);
  Registration& notes(std::string text);
  Registration& source(std::string text);
  Registration& doctest(std::string text);  ///< `>>>` lines
  Registration& required(std::string name, Rule rule, std::string doc);
  Registration& field(std::string name, Value fallback, Rule rule, std::string doc);
  Registration& keyword(std::string name, Value fallback, Rule rule, std::string doc);
  Registration& example(std::map<std::string, Value> args, Shape sample = {});
  Registration& trait(const std::string& name);
  Registration& also(Registration& (*shared)(Registration&)) { return shared(*this); }  ///< what several have in common

 private:
  Schema& schema_;
};

namespace detail {
template <class Base, class Derived>
void add_factory(const std::string& name) {
  factories<Base>()[name] = [](const Args& args) -> std::unique_ptr<Base> { return std::make_unique<Derived>(args); };
}
template <template <class> class Base, template <class> class Derived>
Registration add(const std::string& kind, const std::string& name) {
  add_factory<Base<float>, Derived<float>>(name);
  add_factory<Base<double>, Derived<double>>(name);
  return Registration(kind, name);
}
}  // namespace detail

template <template <class> class L>
Registration layer(const std::string& name) {
  return detail::add<Layer, L>("layer", name);
}
template <template <class> class L>
Registration loss(const std::string& name) {
  return detail::add<Loss, L>("loss", name);
}
template <template <class> class O>
Registration optimizer(const std::string& name) {
  return detail::add<Optimizer, O>("optimizer", name);
}
template <class I>
Registration initializer(const std::string& name) {
  detail::add_factory<Initializer, I>(name);
  return Registration("initializer", name);
}
template <class S>
Registration schedule(const std::string& name) {
  detail::add_factory<Schedule, S>(name);
  return Registration("schedule", name);
}
template <class O>
Registration objective(const std::string& name) {
  detail::add_factory<Objective, O>(name);
  return Registration("objective", name);
}

}  // namespace nncore
