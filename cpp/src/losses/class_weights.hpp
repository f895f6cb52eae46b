/// The `weight` argument of losses with classes.
#pragma once

#include <string>
#include <vector>

#include "nncore/error.hpp"
#include "nncore/registry.hpp"

namespace nncore {

/// A weight for each class. "balanced" are numbers that a fit works out from its labels and makes the loss anew with;
/// until then such a loss refuses all targets.
class ClassWeights {
 public:
  explicit ClassWeights(const Args& args) : balanced_(std::holds_alternative<std::string>(args.at("weight"))) {
    if (!balanced_ && !args.is_none("weight")) numbers_ = args.get<std::vector<double>>("weight");
  }

  bool given() const { return balanced_ || !numbers_.empty(); }
  double of(int64_t c) const { return numbers_.empty() ? 1.0 : numbers_[static_cast<std::size_t>(c)]; }

  void check(const char* where, int64_t C) const {
    const std::string classes = std::to_string(C);
    if (balanced_) {
      throw ConfigError(expected(where, "weight", "numbers, which Trainer.fit makes of its labels", "'balanced'",
                                 "by hand weight=len(y) / (" + classes + " * np.bincount(y))"));
    }
    if (!numbers_.empty() && static_cast<int64_t>(numbers_.size()) != C) {
      throw ShapeError(expected(where, "weight", "one number for each of " + classes + " classes",
                                std::to_string(numbers_.size())));
    }
  }

 private:
  bool balanced_;
  std::vector<double> numbers_;
};

inline Registration& add_class_weights(Registration& loss) {
  return loss.field("weight", Value(), rule::optional(rule::either(rule::one_of({"balanced"}), rule::numbers())),
                    "weight w of each class; None: 1; \"balanced\": N / (C N_c) for the N_c of a fit's N labels");
}

}  // namespace nncore
