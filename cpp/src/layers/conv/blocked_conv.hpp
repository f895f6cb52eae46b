/// Convolution in blocks of channels (kernels/conv/conv.hpp): stride 1, one group, no dilation, equal padding before
/// and after. Results are blocked; inputs of few channels are read batch-major, others blocked. Winograd's algorithm
/// where it is faster, direct kernels elsewhere.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

#include "kernels/conv/conv.hpp"
#include "kernels/conv/layout.hpp"
#include "kernels/reduce/reduce.hpp"
#include "layers/conv/winograd_conv.hpp"
#include "lowering/reorder.hpp"
#include "lowering/scratch_pool.hpp"
#include "nncore/buffer.hpp"
#include "nncore/layer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

template <class T>
class BlockedConv {
 public:
  /// x is channel-blocked or batch-major (NCHW). In inference weights are packed again only when they have changed: for
  /// one image packing takes as long as the convolution.
  BlockedConv(const ConvShape& shape, bool blocked_x, PropagationKind kind)
      : s_(shape), blocked_x_(blocked_x), remembers_(kind == PropagationKind::inference) {
    if (!few() && WinogradConv<T>::suits(s_)) tiles_.emplace(s_);
    if (WinogradConv<T>::suits(s_.backward())) tiles_back_.emplace(s_.backward());
  }

  double flops(int64_t N) const {
    return 2.0 * static_cast<double>(N * s_.OH() * s_.OW()) * static_cast<double>(s_.K * s_.C * s_.kh * s_.kw);
  }
  /// Results of a batch, with the lanes beyond K.
  int64_t results(int64_t N) const { return N * K_blocks() * block_size(); }

  /// With so many threads, pieces of y come as whole planes or as rows of one, a multiple of so many but for the last.
  int64_t rows_at_once(int64_t N, int64_t threads) const {
    return tiles_ ? tiles_->rows_at_once(N, threads) : bands_of(N, threads) == 1 ? s_.OH() : kBandRows;
  }

  /// y = w * x + bias, blocked; finish(first, n, y) for each piece of it that is ready: elements first, first + 1, …
  /// With y null the whole y is never stored: a piece is valid during its call of finish.
  template <class F>
  void forward(int64_t N, const T* x, const T* w, const T* bias, T* y, int64_t threads, F finish) {
    const bool changed = !remembers(w);
    if (changed) kernels<T>().conv_layout.pack_weights(s_, w, packed_.reserve(packed_size(s_, b())));
    const T* const from = readable(N, x);
    if (tiles_) return tiles_->forward(N, from, packed_.data(), changed, bias, y, threads, finish);
    const auto kernel = (plain() ? kernels<T>().plain_conv : kernels<T>().conv).forward;
    const int64_t pairs = (K_blocks() + 1) / 2, bands = bands_of(N, threads);
    const int64_t row = s_.OW() * b();
    const auto compute = [&](int64_t unit, T* image) {
      const int64_t n = unit / bands / pairs, k = unit / bands % pairs * 2, k1 = std::min(K_blocks(), k + 2);
      const int64_t band = unit % bands, r0 = kBandRows * (band * most_bands() / bands);
      const int64_t r1 = std::min(s_.OH(), kBandRows * ((band + 1) * most_bands() / bands));
      kernel(s_, {1, k, k1, r0, r1}, from + n * image_size(), packed_.data(), bias, image);
      const int64_t at_once = bands == 1 ? k1 - k : 1;  // rows of one block only, or whole blocks
      for (int64_t j = k; j < k1; j += at_once) {
        const int64_t at = j * block_size() + r0 * row;
        finish(n * image_results() + at, at_once * (r1 - r0) * row, image + at);
      }
    };
    const int64_t units = N * pairs * bands;
    if (y != nullptr) {
      return parallel_for(units, flops(N), [&](int64_t i) { compute(i, y + i / bands / pairs * image_results()); });
    }
    ScratchPool<T> pool(scratch_, image_results(), units);
    parallel_for(units, flops(N), [&](int64_t i) {
      const auto scratch = pool.acquire();
      compute(i, scratch.data());
    });
  }

  /// Does backward without dx read dz one image at a time?
  bool by_image() const { return few(); }
  int64_t image_results() const { return results(1); }

  // With dz blocked: dW[k, c] = Σ_n x[n, c] ⋆ dz[n, k], db[k] = Σ dz[·, k], dx[n, c] = Σ_k dz[n, k] ⋆ W[k, c] turned by
  // 180 degrees: a convolution of its own. x and w are those of the last forward; db and dx may be null.
  void backward(int64_t N, const T* x, const T* dz, T* dx, T* dw, T* db) {
    if (dx != nullptr) input_gradient(N, dz, dx);
    const T* const from = reordered(x);
    const auto image = [&](int64_t n, T*) { return dz + n * image_results(); };
    if (few()) return gradients_by_image(N, from, image, 0, dw, db);
    T* const packed = dw_.reserve(packed_size(s_, b()));
    if (tiles_) tiles_->weight_gradient(N, from, dz, packed);
    else weight_gradient(N, from, dz, packed);
    kernels<T>().conv_layout.unpack_weights(s_, packed, dw);
    if (db == nullptr) return;
    parallel_for(K_blocks(), static_cast<double>(results(N)), [&](int64_t k) {
      kernels<T>().conv.bias_gradient(s_, N, k, k + 1, dz, db);
    });
  }
  /// The same without dx, if by_image(): image(n, scratch) returns the dz of image n, computed in `scratch`; called
  /// once for each n.
  template <class F>
  void backward_by_image(int64_t N, const T* x, F image, T* dw, T* db) {
    gradients_by_image(N, reordered(x), image, image_results(), dw, db);
  }

 private:
  static constexpr int64_t kParts = 8, kBandRows = 4;  // bands end at multiples of kBandRows, or with the image

  static int64_t b() { return kernels<T>().lanes; }
  int64_t K_blocks() const { return blocks_of(s_.K, b()); }
  int64_t C_blocks() const { return blocks_of(s_.C, b()); }
  int64_t block_size() const { return s_.OH() * s_.OW() * b(); }
  /// With so few channels most lanes of a block would be empty: a batch-major input is read without a reorder. The bits
  /// are the same either way.
  bool few() const { return s_.C <= 4; }
  bool plain() const { return !blocked_x_ && few(); }
  int64_t image_size() const { return s_.H * s_.W * (plain() ? s_.C : C_blocks() * b()); }

  int64_t most_bands() const { return (s_.OH() + kBandRows - 1) / kBandRows; }
  /// Into how many bands of rows an image is cut, so that a few images keep all threads busy.
  int64_t bands_of(int64_t N, int64_t threads) const {
    const int64_t others = std::max(N * ((K_blocks() + 1) / 2), int64_t{1});
    return std::clamp(threads / others, int64_t{1}, most_bands());
  }

  /// Are the weights those of the call before?
  bool remembers(const T* w) {
    if (!remembers_) return false;
    constexpr int64_t piece = 1 << 13;
    const int64_t n = s_.K * s_.C * s_.kh * s_.kw;
    std::atomic<bool> same = known_.capacity() > 0;
    T* const known = known_.reserve(n);
    parallel_for((n + piece - 1) / piece, 8.0 * static_cast<double>(n), [&](int64_t i) {
      const int64_t from = i * piece, count = std::min(piece, n - from);
      if (same && std::memcmp(known + from, w + from, static_cast<std::size_t>(count) * sizeof(T)) != 0) same = false;
    });
    if (!same) std::copy_n(w, n, known);
    return same;
  }

  /// f(image, first block, last block + 1): kernels take two blocks at once.
  template <class F>
  void each_pair(int64_t N, int64_t blocks, F f) const {
    const int64_t pairs = (blocks + 1) / 2;
    parallel_for(N * pairs, flops(N), [&](int64_t piece) {
      const int64_t block = piece % pairs * 2;
      f(piece / pairs, block, std::min(blocks, block + 2));
    });
  }

  /// The x of the last forward, as it was reordered.
  const T* reordered(const T* x) const { return plain() || blocked_x_ ? x : x_.data(); }

  /// x as the kernels read it.
  const T* readable(int64_t N, const T* x) {
    if (plain() || blocked_x_) return x;
    reorder_blocks(true, N, s_.C, s_.H * s_.W, x, x_.reserve(N * image_size()));
    return x_.data();
  }

  /// A piece: as many blocks of K as the kernel takes at once, one block of C, a row of taps.
  void weight_gradient(int64_t N, const T* x, const T* dz, T* dw) const {
    const int64_t pairs = (K_blocks() + 1) / 2, inputs = C_blocks(), rows = s_.kh;
    parallel_for(pairs * inputs * rows, flops(N), [&](int64_t piece) {
      const int64_t row = piece % rows, c = piece / rows % inputs, k = 2 * (piece / rows / inputs);
      const ConvTaps part = {N, k, std::min(K_blocks(), k + 2), c, c + 1, row * s_.kw, (row + 1) * s_.kw};
      kernels<T>().conv.weight_gradient(s_, part, x, dz, dw);
    });
  }
  /// dW and db, with a workspace of scratch_size elements for image(n, scratch). With few channels there are few blocks
  /// to share out: the tasks are parts of the batch, each with its own sums.
  template <class F>
  void gradients_by_image(int64_t N, const T* x, F image, int64_t scratch_size, T* dw, T* db) {
    const ConvKernels<T>& conv = plain() ? kernels<T>().plain_conv : kernels<T>().conv;
    const int64_t n_w = packed_size(s_, b()), size = n_w + 2 * s_.K, parts = std::clamp(N, int64_t{1}, kParts);
    T* const sums = sums_.reserve(parts * size);
    std::fill_n(sums, N == 0 ? size : 0, T(0));
    ScratchPool<T> pool(scratch_, scratch_size, parts);
    parallel_for(parts, flops(N), [&](int64_t i) {
      T *const part_dw = sums + i * size, *const part_db = part_dw + n_w, *const image_db = part_db + s_.K;
      const int64_t n0 = i * N / parts, n1 = (i + 1) * N / parts;
      const auto scratch = pool.acquire();
      for (int64_t n = n0; n < n1; ++n) {
        const T* const dz = image(n, scratch.data());
        const bool more = n > n0;
        conv.weight_gradient(s_, {1, 0, K_blocks(), 0, plain() ? s_.C : C_blocks(), 0, s_.kh * s_.kw, more},
                             x + n * image_size(), dz, part_dw);
        conv.bias_gradient(s_, 1, 0, K_blocks(), dz, more ? image_db : part_db);
        if (more) kernels<T>().reduce.add(s_.K, image_db, part_db);
      }
    });
    for (int64_t i = 1; i < parts; ++i) kernels<T>().reduce.add(n_w + s_.K, sums + i * size, sums);
    kernels<T>().conv_layout.unpack_weights(s_, sums, dw);
    if (db != nullptr) std::copy_n(sums + n_w, s_.K, db);
  }

  void input_gradient(int64_t N, const T* dz, T* dx) {
    const ConvShape back = s_.backward();
    kernels<T>().conv_layout.flip_weights(s_, 0, K_blocks(), packed_.data(), flipped_.reserve(packed_size(back, b())));
    const int64_t blocks = C_blocks(), size = s_.H * s_.W * b();
    T* const blocked = blocked_x_ ? dx : dx_.reserve(N * blocks * size);
    if (tiles_back_) {
      const auto nothing = [](int64_t, int64_t, const T*) {};
      tiles_back_->forward(N, dz, flipped_.data(), true, nullptr, blocked, num_threads(), nothing);
    } else {
      each_pair(N, blocks, [&](int64_t n, int64_t c, int64_t c1) {
        kernels<T>().conv.forward(back, {1, c, c1, 0, s_.H}, dz + n * K_blocks() * block_size(), flipped_.data(),
                                  nullptr, blocked + n * blocks * size);
      });
    }
    if (!blocked_x_) reorder_blocks(false, N, s_.C, s_.H * s_.W, blocked, dx);
  }

  ConvShape s_;
  bool blocked_x_, remembers_;
  std::optional<WinogradConv<T>> tiles_, tiles_back_;  // none: the direct kernels
  Buffer<T> x_, dx_, packed_, known_, flipped_, dw_, sums_, scratch_;
};

}  // namespace nncore
