/// The registry: a source file that declares a layer, loss, optimizer, initialiser, schedule or objective at file
/// scope is all it takes to add one. (A new kernel also needs an entry and a row in its group below src/kernels.)
///
///     const auto registered_LeakyReLU = layer<LeakyReLU>("LeakyReLU").summary("…").field("negative_slope", …);
///
/// The object is named after the class: files of one folder are compiled together, so names must differ.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

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
const Schema& find_schema(std::string_view kind, std::string_view name);

/// These two are defined in core/factories.hpp and instantiated by each family, Layer<float> in layers/layer.cpp.
template <class Base>
using Factory = std::unique_ptr<Base> (*)(const Args&);
template <class Base>
void add_factory(const char* name, Factory<Base> factory);
/// A new object from checked arguments.
template <class Base>
std::unique_ptr<Base> make(const Spec& spec);

/// Writes a schema, line by line.
class Registration {
 public:
  struct Argument {
    const char* name;
    Value value;
  };

  Registration(const char* kind, const char* name);
  Registration& summary(const char* text);
  Registration& formula(const char* text);  ///< may hold several lines
  Registration& shapes(const char* text);
  Registration& notes(const char* text);
  Registration& source(const char* text);
  Registration& doctest(const char* text);  ///< `>>>` lines
  Registration& required(const char* name, const Rule& rule, const char* doc);
  Registration& field(const char* name, const Value& fallback, const Rule& rule, const char* doc);
  Registration& keyword(const char* name, const Value& fallback, const Rule& rule, const char* doc);
  Registration& example(std::initializer_list<Argument> args, const Shape& sample = {});
  Registration& trait(const char* name, const Value& value = true);
  /// Calls a function that adds what several classes have in common.
  template <class... Parameter, class... Given>
  Registration& also(Registration& (*shared)(Registration&, Parameter...), Given... given) {
    return shared(*this, given...);
  }

 private:
  Schema& schema_;
};

namespace detail {
template <class Base, class Derived>
std::unique_ptr<Base> make_one(const Args& args) {
  return std::make_unique<Derived>(args);
}
template <template <class> class Base, template <class> class Derived>
Registration add(const char* kind, const char* name) {
  add_factory<Base<float>>(name, make_one<Base<float>, Derived<float>>);
  add_factory<Base<double>>(name, make_one<Base<double>, Derived<double>>);
  return Registration(kind, name);
}
template <class Base, class Derived>
Registration add(const char* kind, const char* name) {
  add_factory<Base>(name, make_one<Base, Derived>);
  return Registration(kind, name);
}
}  // namespace detail

template <template <class> class L>
Registration layer(const char* name) {
  return detail::add<Layer, L>("layer", name);
}
template <template <class> class L>
Registration loss(const char* name) {
  return detail::add<Loss, L>("loss", name);
}
template <template <class> class O>
Registration optimizer(const char* name) {
  return detail::add<Optimizer, O>("optimizer", name);
}
template <class I>
Registration initializer(const char* name) {
  return detail::add<Initializer, I>("initializer", name);
}
template <class S>
Registration schedule(const char* name) {
  return detail::add<Schedule, S>("schedule", name);
}
template <class O>
Registration objective(const char* name) {
  return detail::add<Objective, O>("objective", name);
}

}  // namespace nncore
