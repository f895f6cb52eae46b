#include <algorithm>
#include <string>

#include "kernels/table.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = x + f(x), f the layers one after the other; dx = dy + the gradient that f's backward gives.
template <class T>
class Residual final : public Layer<T> {
 public:
  explicit Residual(const Args& args) {
    for (const auto& spec : args.get<std::vector<std::shared_ptr<const Spec>>>("layers")) {
      layers_.push_back(make<Layer<T>>(*spec));
      const std::string prefix = std::to_string(layers_.size() - 1) + ".";
      for (const auto& p : layers_.back()->parameters()) this->declare(prefix + p.name, p.shape, p.role, p.init, p.fan);
      kinds_.push_back(spec->name);
    }
    outputs_.resize(layers_.size());
  }

  std::vector<Layer<T>*> children() override {
    std::vector<Layer<T>*> out;
    for (const auto& layer : layers_) out.push_back(layer.get());
    return out;
  }

  Shape build(const Shape& in) override {
    shapes_ = {in};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      layers_[i]->set_label(kinds_[i], this->name() + "." + std::to_string(i));
      shapes_.push_back(layers_[i]->build_for(this->batch(), shapes_.back()));
    }
    if (!(shapes_.back() == in)) {
      const char* N = this->batch().c_str();
      throw ShapeError(expected(this->label(), "f(x)", "x's shape " + in.str_with_batch(N),
                                shapes_.back().str_with_batch(N)));
    }
    return in;
  }

  bool foreign() const override {
    return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->foreign(); });
  }

  bool whole_batch() const override {
    return std::any_of(layers_.begin(), layers_.end(), [](const auto& layer) { return layer->whole_batch(); });
  }

  void check_training(int64_t N) const override {
    for (const auto& layer : layers_) layer->check_training(N);
  }

  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    hand_out_parameters();
    View<const T> z = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Shape shape = shapes_[i + 1].with_batch(x.batch());
      const View<T> out{outputs_[i].reserve(shape.size()), shape};
      layers_[i]->forward(z, out, pass);
      z = out;
    }
    std::copy_n(z.data, z.size(), y.data);
    kernels<T>().add(x.size(), x.data, y.data);
  }

  void backward(View<const T> dy, View<T> dx) override {
    hand_out_parameters();
    int64_t largest = 0;
    for (const Shape& shape : shapes_) largest = std::max(largest, shape.with_batch(dy.batch()).size());
    T *from = gradients_[0].reserve(largest), *to = gradients_[1].reserve(largest);
    View<const T> dz = dy;
    for (std::size_t i = layers_.size(); i-- > 0;) {
      const View<T> wanted{i == 0 ? dx.data : to, shapes_[i].with_batch(dy.batch())};
      layers_[i]->backward(dz, wanted);
      dz = wanted;
      std::swap(from, to);
    }
    if (dx.data != nullptr) kernels<T>().add(dy.size(), dy.data, dx.data);
  }

 private:
  /// The model gives memory to this layer's parameters, which are the children's.
  void hand_out_parameters() {
    auto own = this->parameters().begin();
    for (const auto& layer : layers_) {
      for (auto& p : layer->parameters()) {
        p.value = own->value;
        p.grad = own->grad;
        ++own;
      }
    }
  }

  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<std::string> kinds_;
  std::vector<Shape> shapes_;        // [i] what layer i takes, the last what comes out
  std::vector<Buffer<T>> outputs_;
  Buffer<T> gradients_[2];
};

/// For the examples: defaults are filled in by whoever makes layers of them.
std::shared_ptr<const Spec> example_layer(const std::string& name, std::map<std::string, Value> args = {}) {
  return std::make_shared<const Spec>(Spec{"layer", name, Args(std::move(args)), nullptr});
}
using Layers = std::vector<std::shared_ptr<const Spec>>;
Value linear_and_tanh() {
  return Layers{example_layer("Linear", {{"in_features", int64_t{3}}, {"out_features", int64_t{3}}}),
                example_layer("Tanh")};
}
Value with_more_inside() {
  return Layers{example_layer("Linear", {{"in_features", int64_t{4}}, {"out_features", int64_t{6}}, {"bias", false}}),
                example_layer("BatchNorm1d", {{"num_features", int64_t{6}}}),
                example_layer("SiLU"),
                example_layer("Linear", {{"in_features", int64_t{6}}, {"out_features", int64_t{4}}})};
}

const auto registered =
    layer<Residual>("Residual")
        .summary("Layers with a way around them.")
        .formula("y = x + f(x), f the layers one after the other")
        .required("layers", rule::layers(), "f, any layers, Residual among them")
        .shapes("(N, *) -> (N, *), the shape that f gives has to be that of x")
        .notes("Parameters are named after the layer inside: \"1.0.weight\" is the weight of the first layer of a "
               "Residual at place \"1\". The layers given go on answering for their parameters.")
        .source("He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2016")
        .doctest(">>> nc.Residual(nc.Identity())(np.array([[1.0, 2.0]]))\narray([[2., 4.]])")
        .example({{"layers", linear_and_tanh()}}, {3})
        .example({{"layers", with_more_inside()}}, {4})
        .trait("variadic");

}  // namespace
}  // namespace nncore
