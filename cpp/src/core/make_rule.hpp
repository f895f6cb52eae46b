/// A rule from a function that returns the accepted value or nothing.
#pragma once

#include <utility>

#include "nncore/schema.hpp"

namespace nncore::rule {

template <class F>
Rule make_rule(std::string expected, std::string annotation, F accept) {
  struct Check final : Rule::Check {
    explicit Check(F f) : accept_(std::move(f)) {}
    std::optional<Value> accept(const Value& given) const override { return accept_(given); }
    F accept_;
  };
  return {std::move(expected), std::move(annotation), std::make_shared<const Check>(std::move(accept))};
}

}  // namespace nncore::rule
