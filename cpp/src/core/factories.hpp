/// The factories of one family by name. Each family includes this in one file and instantiates both functions there.
#pragma once

#include <map>

#include "nncore/registry.hpp"

namespace nncore {

template <class Base>
std::map<std::string, Factory<Base>>& factories() {
  static std::map<std::string, Factory<Base>> all;
  return all;
}

template <class Base>
void add_factory(const char* name, Factory<Base> factory) {
  factories<Base>()[name] = factory;
}

template <class Base>
std::unique_ptr<Base> make(const Spec& spec) {
  if (spec.user_defined) return dynamic_cast<const UserDefinedFactory<Base>&>(*spec.user_defined).make({});
  return factories<Base>().at(spec.name)(spec.args);
}

}  // namespace nncore
