/// What Softmax and LogSoftmax share: rows along the last axis, and a derivative that takes y.
#pragma once

#include <string>

#include "kernels/softmax/softmax.hpp"
#include "nncore/layer.hpp"

namespace nncore {

template <class T>
class RowsOfLastAxis : public UnaryLayer<T> {
 public:
  RowsOfLastAxis(const Args& args, SoftmaxForward<T> kernel, SoftmaxBackward<T> backward_kernel)
      : dim_(args.get<int64_t>("dim")), kernel_(kernel), backward_kernel_(backward_kernel) {}

  Shape build(const Shape& in) override {
    if (in.rank() < 1 || in.back() < 1) this->shape_error("(N, *, C) with C >= 1", in);
    if (dim_ != -1 && dim_ != in.rank()) {
      this->shape_error("an array whose last axis is " + std::to_string(dim_), in,
                        "only the last axis, dim=-1, is supported");
    }
    return in;
  }
  void forward(View<const T> x, View<T> y, const Pass& pass) override {
    const int64_t C = x.shape.back();
    kernel_(x.size() / C, C, x.data, y.data);
    if (pass.training) y_ = y;
  }
  void backward(View<const T> dy, View<T> dx) override {
    const int64_t C = dy.shape.back();
    if (dx.data != nullptr) backward_kernel_(dy.size() / C, C, y_.data, dy.data, dx.data);
  }

 private:
  int64_t dim_;
  SoftmaxForward<T> kernel_;
  SoftmaxBackward<T> backward_kernel_;
  View<const T> y_;
};

}  // namespace nncore
