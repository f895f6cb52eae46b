/// Initialisers that scale by the numbers of inputs and outputs.
#include <cmath>
#include <string>

#include "nncore/error.hpp"
#include "nncore/initializer.hpp"

namespace nncore {
namespace {

/// Numbers with standard deviation `std`: uniform on ±sqrt(3) std, or normal.
void fill_uniform(double std, const Shape& shape, const Stream& stream, double* out) {
  const double bound = std::sqrt(3.0) * std;
  for (int64_t i = 0; i < shape.size(); ++i) out[i] = bound * (2.0 * stream.uniform(static_cast<uint64_t>(i)) - 1.0);
}
void fill_normal(double std, const Shape& shape, const Stream& stream, double* out) {
  for (int64_t i = 0; i < shape.size(); ++i) out[i] = std * stream.normal(static_cast<uint64_t>(i));
}

/// How much a nonlinearity shrinks the spread of what passes, as torch.nn.init.calculate_gain has it.
double gain_of(const std::string& nonlinearity, double slope) {
  if (nonlinearity == "tanh") return 5.0 / 3.0;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "leaky_relu") return std::sqrt(2.0 / (1.0 + slope * slope));
  if (nonlinearity == "selu") return 3.0 / 4.0;
  return 1.0;  // linear, convolutions, sigmoid
}

template <bool kNormal>
class Xavier final : public Initializer {
 public:
  explicit Xavier(const Args& args) : gain_(args.get<double>("gain")) {}
  void fill(const Shape& shape, const Fan& fan, const Stream& stream, double* out) const override {
    const double std = gain_ * std::sqrt(2.0 / static_cast<double>(fan.in + fan.out));
    (kNormal ? fill_normal : fill_uniform)(std, shape, stream, out);
  }

 private:
  double gain_;
};

template <bool kNormal>
class Kaiming final : public Initializer {
 public:
  explicit Kaiming(const Args& args)
      : gain_(gain_of(args.get<std::string>("nonlinearity"), args.get<double>("a"))),
        fan_in_(args.get<std::string>("mode") == "fan_in") {}
  void fill(const Shape& shape, const Fan& fan, const Stream& stream, double* out) const override {
    const double std = gain_ / std::sqrt(static_cast<double>(fan_in_ ? fan.in : fan.out));
    (kNormal ? fill_normal : fill_uniform)(std, shape, stream, out);
  }

 private:
  double gain_;
  bool fan_in_;
};

class LecunNormal final : public Initializer {
 public:
  explicit LecunNormal(const Args&) {}
  void fill(const Shape& shape, const Fan& fan, const Stream& stream, double* out) const override {
    fill_normal(1.0 / std::sqrt(static_cast<double>(fan.in)), shape, stream, out);
  }
};

/// U(±1/sqrt(fan_in)): what PyTorch's layers start from.
class FanInUniform final : public Initializer {
 public:
  explicit FanInUniform(const Args&) {}
  void fill(const Shape& shape, const Fan& fan, const Stream& stream, double* out) const override {
    fill_uniform(1.0 / std::sqrt(3.0 * static_cast<double>(fan.in)), shape, stream, out);
  }
};

Registration& add_gain(Registration& initializer) {
  return initializer.field("gain", 1.0, rule::positive(), "factor on the standard deviation")
      .source("Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010")
      .example({})
      .example({{"gain", 5.0 / 3.0}});
}

Registration& add_nonlinearity(Registration& initializer) {
  return initializer.field("a", 0.0, rule::number(), "slope of the leaky ReLU that follows")
      .field("mode", "fan_in", rule::one_of({"fan_in", "fan_out"}),
             "keep the spread in the forward or in the backward direction")
      .field("nonlinearity", "leaky_relu",
             rule::one_of({"leaky_relu", "relu", "tanh", "sigmoid", "selu", "linear", "conv1d", "conv2d", "conv3d"}),
             "what follows, for the gain")
      .source("He, Zhang, Ren, Sun, Delving Deep into Rectifiers, 2015")
      .example({})
      .example({{"mode", "fan_out"}, {"nonlinearity", "tanh"}});
}

const auto registered_xavier_uniform =
    initializer<Xavier<false>>("xavier_uniform")
        .summary("Glorot's uniform scheme.")
        .formula("w ~ U(-b, b),  b = gain sqrt(6 / (fan_in + fan_out))")
        .also(add_gain);
const auto registered_xavier_normal =
    initializer<Xavier<true>>("xavier_normal")
        .summary("Glorot's normal scheme.")
        .formula("w ~ N(0, gain^2 2 / (fan_in + fan_out))")
        .also(add_gain);
const auto registered_kaiming_uniform =
    initializer<Kaiming<false>>("kaiming_uniform")
        .summary("He's uniform scheme.")
        .formula("w ~ U(-b, b),  b = gain sqrt(3 / fan)")
        .also(add_nonlinearity);
const auto registered_kaiming_normal =
    initializer<Kaiming<true>>("kaiming_normal")
        .summary("He's normal scheme.")
        .formula("w ~ N(0, gain^2 / fan)")
        .also(add_nonlinearity);
const auto registered_LecunNormal =
    initializer<LecunNormal>("lecun_normal")
        .summary("LeCun's normal scheme, for SELU and tanh.")
        .formula("w ~ N(0, 1 / fan_in)")
        .source("LeCun, Bottou, Orr, Müller, Efficient BackProp, 1998, section 4.6")
        .example({});
const auto registered_FanInUniform =
    initializer<FanInUniform>("fan_in_uniform")
        .summary("PyTorch's default for Linear and Conv2d.")
        .formula("w ~ U(-b, b),  b = 1 / sqrt(fan_in)")
        .source("LeCun, Bottou, Orr, Müller, Efficient BackProp, 1998, section 4.6, up to a factor")
        .example({});

}  // namespace
}  // namespace nncore
