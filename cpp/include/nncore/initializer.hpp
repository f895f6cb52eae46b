/// Initializer: fills a parameter from a counter-based stream. Numbers are made in double and rounded once, so
/// float32 and float64 nets of one seed start from the same values.
#pragma once

#include "nncore/parameter.hpp"
#include "nncore/registry.hpp"
#include "nncore/rng.hpp"

namespace nncore {

class Initializer {
 public:
  virtual ~Initializer() = default;
  virtual void fill(const Shape& shape, const Fan& fan, const Stream& stream, double* out) const = 0;
  /// The same for a parameter. One written in Python may throw; its errors begin with `where` and the argument's name.
  virtual void fill_parameter(const std::string& where, const std::string& argument, const Shape& shape, const Fan& fan,
                              const Stream& stream, double* out) const {
    (void)where, (void)argument;
    fill(shape, fan, stream, out);
  }
};

/// Is there an initialiser of that name, or a short name ("xavier", "kaiming")?
bool is_initializer(const std::string& name);
std::shared_ptr<const Spec> initializer_spec(const std::string& name, const std::map<std::string, Value>& args = {});

/// What the arguments weight_init and bias_init say. None is PyTorch's default, U(±1/sqrt(fan_in)), for both; a weight
/// scheme given by its short name starts biases at zero.
struct WeightAndBias {
  std::shared_ptr<const Spec> weight, bias;
};
WeightAndBias weight_and_bias(const Args& args);

namespace rule {
Rule initializer();  ///< None, an initialiser, the name of one, or a function in Python, which arrives as one
}

}  // namespace nncore
