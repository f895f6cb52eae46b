/// Initialisers that do not look at the fan: constants, uniform and normal numbers.
#include <algorithm>

#include "nncore/error.hpp"
#include "nncore/initializer.hpp"

namespace nncore {
namespace {

class Constant : public Initializer {
 public:
  explicit Constant(double v) : v_(v) {}
  explicit Constant(const Args& args) : v_(args.get<double>("v")) {}
  void fill(const Shape& shape, const Fan&, const Stream&, double* out) const override {
    std::fill_n(out, shape.size(), v_);
  }

 private:
  double v_;
};

class Zeros final : public Constant {
 public:
  explicit Zeros(const Args&) : Constant(0.0) {}
};

class Ones final : public Constant {
 public:
  explicit Ones(const Args&) : Constant(1.0) {}
};

class Uniform final : public Initializer {
 public:
  explicit Uniform(const Args& args) : a_(args.get<double>("a")), b_(args.get<double>("b")) {
    if (!(a_ < b_)) throw ConfigError(expected("[uniform]", "b", "a number > a", to_string(Value(b_))));
  }
  void fill(const Shape& shape, const Fan&, const Stream& stream, double* out) const override {
    for (int64_t i = 0; i < shape.size(); ++i) out[i] = a_ + (b_ - a_) * stream.uniform(static_cast<uint64_t>(i));
  }

 private:
  double a_, b_;
};

class Normal final : public Initializer {
 public:
  explicit Normal(const Args& args) : mean_(args.get<double>("mean")), std_(args.get<double>("std")) {}
  void fill(const Shape& shape, const Fan&, const Stream& stream, double* out) const override {
    for (int64_t i = 0; i < shape.size(); ++i) out[i] = mean_ + std_ * stream.normal(static_cast<uint64_t>(i));
  }

 private:
  double mean_, std_;
};

const auto registered_Constant =
    initializer<Constant>("constant")
        .summary("Every element the same number.")
        .formula("w = v")
        .required("v", rule::number(), "the number")
        .example({{"v", 0.25}});
const auto registered_Zeros =
    initializer<Zeros>("zeros")
        .summary("Every element 0.")
        .formula("w = 0")
        .example({});
const auto registered_Ones =
    initializer<Ones>("ones")
        .summary("Every element 1.")
        .formula("w = 1")
        .example({});
const auto registered_Uniform =
    initializer<Uniform>("uniform")
        .summary("Uniform numbers between a and b.")
        .formula("w ~ U(a, b)")
        .field("a", 0.0, rule::number(), "lower end")
        .field("b", 1.0, rule::number(), "upper end")
        .example({})
        .example({{"a", -0.5}, {"b", 0.25}});
const auto registered_Normal =
    initializer<Normal>("normal")
        .summary("Normal numbers.")
        .formula("w ~ N(mean, std^2)")
        .field("mean", 0.0, rule::number(), "expected value")
        .field("std", 1.0, rule::non_negative(), "standard deviation")
        .source("Box, Muller, 1958, for the numbers")
        .example({})
        .example({{"mean", 1.0}, {"std", 0.01}});

}  // namespace
}  // namespace nncore
