/// The `reduction` argument that every loss takes.
#pragma once

#include "nncore/registry.hpp"

namespace nncore {

inline bool takes_mean(const Args& args) { return args.get<std::string>("reduction") == "mean"; }

inline Registration& add_reduction(Registration& loss) {
  return loss.field("reduction", "mean", rule::one_of({"mean", "sum"}), "over the batch");
}

}  // namespace nncore
