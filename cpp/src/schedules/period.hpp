/// The `per` argument that every schedule takes.
#pragma once

#include "nncore/registry.hpp"

namespace nncore {

inline bool counts_epochs(const Args& args) { return args.get<std::string>("per") == "epoch"; }

inline Registration& add_period(Registration& schedule, const char* fallback) {
  return schedule.keyword("per", fallback, rule::one_of({"step", "epoch"}),
                          "what the index counts; the first step or epoch has index 0");
}

}  // namespace nncore
