#include <algorithm>
#include <string>

#include "layers/merge/sum.hpp"

namespace nncore {
namespace {

/// y = x + f(x). A model makes a node of each layer of f, one after the other, and one of this: the sum of x and what
/// comes out of the last.
template <class T>
class Residual final : public Sum<T> {
 public:
  explicit Residual(const Args&) {}

  Shape build_from(std::span<const Shape> in) override {
    if (in.size() != 2) throw ConfigError(expected(this->label(), "inputs", "one", std::to_string(in.size() - 1)));
    if (!(in[1] == in[0])) {
      const char* N = this->batch().c_str();
      const std::string wanted = "x's shape " + in[0].str_with_batch(N);
      throw ShapeError(expected(this->label(), "f(x)", wanted, in[1].str_with_batch(N)));
    }
    return Sum<T>::build_from(in);
  }
};

/// For the examples; arguments left out get their defaults when a layer is made of it.
std::shared_ptr<const Spec> example_layer(const std::string& name, std::map<std::string, Value> args = {}) {
  return std::make_shared<const Spec>(Spec{"layer", name, Args(std::move(args)), nullptr});
}
using Layers = std::vector<std::shared_ptr<const Spec>>;
Value linear_and_tanh() {
  return Layers{example_layer("Linear", {{"in_features", 3}, {"out_features", 3}}),
                example_layer("Tanh")};
}
Value with_more_inside() {
  return Layers{example_layer("Linear", {{"in_features", 4}, {"out_features", 6}, {"bias", false}}),
                example_layer("BatchNorm1d", {{"num_features", 6}}),
                example_layer("SiLU"),
                example_layer("Linear", {{"in_features", 6}, {"out_features", 4}})};
}
Value convolutions() {
  return Layers{example_layer("BatchNorm2d", {{"num_features", 2}}),
                example_layer("SiLU"),
                example_layer("Conv2d", {{"in_channels", 2}, {"out_channels", 3},
                                         {"kernel_size", 3}, {"padding", 1}, {"bias", false}}),
                example_layer("Tanh"),
                example_layer("Conv2d", {{"in_channels", 3}, {"out_channels", 2},
                                         {"kernel_size", 1}})};
}

const auto registered_Residual =
    layer<Residual>("Residual")
        .summary("Layers with a shortcut connection.")
        .formula("y = x + f(x), f the layers one after the other")
        .required("layers", rule::layers(), "f, any layers, Residual among them")
        .shapes("(N, *) -> (N, *), the shape that f gives has to be that of x")
        .notes("Parameters are named after the layer inside: \"1.0.weight\" is the weight of the first layer of a "
               "Residual at place \"1\". The parameters are those of the layer objects that were given.")
        .source("He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2016")
        .doctest(">>> nc.Residual(nc.Identity())(np.array([[1.0, 2.0]]))\narray([[2., 4.]])")
        .example({{"layers", linear_and_tanh()}}, {3})
        .example({{"layers", with_more_inside()}}, {4})
        .example({{"layers", convolutions()}}, {2, 3, 4})
        .trait("variadic");

}  // namespace
}  // namespace nncore
