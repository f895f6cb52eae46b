/// LinearProduct: the three products of Linear on weights that stay packed; what its two packings have in common.
#pragma once

#include <algorithm>

#include "kernels/gemm/gemm.hpp"
#include "lowering/epilogue.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

/// y = x W^T + b for M rows. K = in_features, C = out_features. Linear runs it, too, when it runs as it stands.
template <class T>
class LinearProduct : public UnaryLowered<T>, public Packing<T> {
 public:
  LinearProduct(int64_t K, int64_t C, int64_t rows_per_sample, bool bias)
      : K_(K), C_(C), rows_per_sample_(rows_per_sample), bias_(bias) {}

  const Packing<T>* packing() const final { return this; }
  void pack(int i, const T* natural, T* packed) const final {
    if (i == 1) std::copy_n(natural, C_, packed);
    else pack_weight(natural, packed);
  }
  void unpack(int i, const T* packed, T* natural) const final {
    if (i == 1) std::copy_n(packed, C_, natural);
    else unpack_weight(packed, natural);
  }

  bool fuse(Layer<T>& next) final { return after_.add(next.fusable(PropagationKind::training)); }

  void forward(int64_t N, const T* x, T* y, T* const* w, const Pass& pass) final {
    const int64_t M = N * rows_per_sample_, most = columns(), groups = divide_up(C_, most);
    const int64_t block = row_block(), blocks = divide_up(M, block);
    after_.begin(M * C_, pass);
    prepare(M, x, y, after_, pass);
    parallel_for(blocks * groups, flops(M), [&](int64_t piece) {
      const int64_t m0 = piece / groups * block, rows = std::min(block, M - m0);
      const int64_t j0 = piece % groups * most, j1 = std::min(C_, j0 + most);
      outputs(m0, rows, j0, j1, x + m0 * K_, w[0], bias_ ? w[1] : nullptr, y + m0 * C_);
      if (!after_) return;
      if (groups == 1) return after_.forward(m0 * C_, rows * C_, y + m0 * C_);
      for (int64_t m = m0; m < m0 + rows; ++m) after_.forward(m * C_ + j0, j1 - j0, y + m * C_ + j0);
    });
  }

  void backward(int64_t N, const T* x, const T* y, T* dy, T* dx, T* const* w, GradientSink<T>& sink) final {
    after_.backward(N * rows_per_sample_ * C_, y, dy);
    products(N, x, dy, dx, w, sink);
  }
  /// dx = dz W, dW = dz^T x, db = the sum of dz over the rows.
  void products(int64_t N, const T* x, const T* dz, T* dx, T* const* w, GradientSink<T>& sink) {
    const int64_t M = N * rows_per_sample_;
    gradients(M, x, dz, dx, w[0], sink);
    if (!bias_) return;
    T* const db = db_.reserve(C_);
    kernels<T>().gemm.column_sums(M, C_, dz, C_, db);
    sink.accept(1, 0, C_, db);
  }

 protected:
  virtual void pack_weight(const T* natural, T* packed) const = 0;
  virtual void unpack_weight(const T* packed, T* natural) const = 0;
  /// How many columns of y make a piece of work.
  virtual int64_t columns() const = 0;
  /// Before the first of them, with all M rows; y may be used as scratch.
  virtual void prepare(int64_t, const T*, T*, const Epilogue<T>&, const Pass&) {}
  /// y[m, j] for all m < M, j0 <= j < j1. x and y begin with row m0 of the batch.
  virtual void outputs(int64_t m0, int64_t M, int64_t j0, int64_t j1, const T* x, const T* w, const T* bias, T* y) = 0;
  /// dx, unless it is null, and dW.
  virtual void gradients(int64_t M, const T* x, const T* dz, T* dx, const T* w, GradientSink<T>& sink) = 0;

  /// Small layers are all overhead: fewer, longer calls. Pieces of work are cut by sizes alone.
  virtual int64_t row_block() const { return K_ * C_ <= 2048 ? 448 : 56; }
  double flops(int64_t M) const {
    return 2.0 * static_cast<double>(M) * static_cast<double>(K_) * static_cast<double>(C_);
  }
  static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

  const int64_t K_, C_, rows_per_sample_;

 private:
  bool bias_;
  Epilogue<T> after_;
  Buffer<T> db_;
};

}  // namespace nncore
