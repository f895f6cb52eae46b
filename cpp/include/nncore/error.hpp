/// The errors a user meets. Each becomes the Python class of the same name.
#pragma once

#include <stdexcept>
#include <string>

namespace nncore {

/// An array whose shape, rank or type does not fit.
struct ShapeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// A setting outside its range, or settings that contradict each other.
struct ConfigError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// A call at the wrong time: backward before forward, a model in use elsewhere.
struct StateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A loss, gradient or parameter that is not finite.
struct NumericError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The one form of every message: `[where] argument: expected …, got …` and a hint where there is one.
std::string expected(const std::string& where, const std::string& argument, const std::string& wanted,
                     const std::string& got, const std::string& hint = "");

}  // namespace nncore
