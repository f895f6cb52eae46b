#include "nncore/error.hpp"

namespace nncore {

std::string expected(const std::string& where, const std::string& argument, const std::string& wanted,
                     const std::string& got, const std::string& hint) {
  std::string text = where + " " + argument + ": expected " + wanted + ", got " + got;
  return hint.empty() ? text : text + " (" + hint + ")";
}

}  // namespace nncore
