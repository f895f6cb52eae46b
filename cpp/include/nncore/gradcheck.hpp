/// gradcheck: analytic gradients against central differences.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nncore/data.hpp"
#include "nncore/loss.hpp"
#include "nncore/model.hpp"

namespace nncore {

/// The largest relative error |a - n| / max(1e-8, |a| + |n|) of one tensor, and where it is.
struct GradientError {
  std::string name;
  double max_relative_error = 0;
  int64_t index = 0;  ///< flat, of the worst element
  double analytic = 0, numeric = 0;
  int64_t kinks = 0;  ///< elements left out, at which the loss has a slope to each side
};

/// One entry for each parameter and, with `inputs`, one, "x", for the input. Random layers draw the same mask in every pass.
/// Parameters come back to the bit; gradients are left zero.
std::vector<GradientError> gradcheck(Model<double>& model, Loss<double>& loss, View<double> x, const Target<double>& y,
                                     double eps, uint64_t seed, bool inputs, const std::function<bool()>& poll);

}  // namespace nncore
