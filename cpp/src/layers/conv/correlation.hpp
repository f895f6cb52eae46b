/// Correlation of images with a few taps, as products of packed panels: Conv2d's forward pass, the gradient of its
/// weight, and of its input, which is a correlation of dy.
///
/// Planes: each image of a chunk of the batch is copied once, with its padding and, for strides, split by residues, so
/// that pixels which a tap reads one after the other are neighbours in memory. Columns of the planes are gathered panel
/// by panel for gemm.forward and gemm.input_gradient; nothing as large as the columns of a whole image ever exists.
#pragma once

#include <array>
#include <vector>

#include "kernels/conv/im2col.hpp"
#include "nncore/buffer.hpp"

namespace nncore {

/// One axis: tap t of output u looks at source element first[t] + u * step, 0 where there is none.
struct Taps {
  Taps(int64_t in, int64_t out, int64_t step, const std::vector<int64_t>& first);

  int64_t count() const { return static_cast<int64_t>(plane.size()); }
  int64_t planes() const { return static_cast<int64_t>(start.size()); }

  int64_t in, out, step;
  int64_t extent;                     ///< of each plane
  std::vector<int64_t> start;         ///< element h of plane r is the source's start[r] + h * step
  /// The elements of plane r that lie in the source: from … to - 1.
  std::array<int64_t, 2> inside(int64_t r) const;
  std::vector<int64_t> plane, shift;  ///< output u of tap t looks at element u + shift[t] of plane[t]
};

/// Where the outputs of a correlation lie in an image: row u at first + u * step of `extent`, and columns alike.
struct OutputGrid {
  int64_t first = 0, step = 1, extent = 0;
};

/// Memory that correlations use in turn.
template <class T>
struct CorrelationMemory {
  Buffer<T> planes, scratch;
  std::vector<Run> runs;
};

/// y[n, g M + m, u, v] = Σ_{c, i, j} w[g, m, (c, i, j)] x[n, g C + c, (tap i of u), (tap j of v)] for G groups of
/// C channels and M rows. Every sum runs in an order that the sizes fix.
template <class T>
class Correlation {
 public:
  Correlation(int64_t G, int64_t C, int64_t M, Taps rows, Taps columns, OutputGrid at_rows, OutputGrid at_columns);

  /// Numbers in a row of w.
  int64_t length() const { return C_ * rows_.count() * columns_.count(); }

  /// `ones`: each row of w starts with one number more, to which nothing is multiplied: the bias.
  void forward(int64_t N, const T* x, const T* w, bool ones, T* y, CorrelationMemory<T>& memory) const;
  /// dw[g, m, (c, i, j)] = Σ_{n, u, v} dy[n, g M + m, u, v] x[…], assigned.
  void weight_gradient(int64_t N, const T* x, const T* dy, T* dw, CorrelationMemory<T>& memory) const;
  /// The transpose of forward, dx from dy by the transposed weights w[g, (c, i, j), m]: columns of the gradient, a
  /// panel at a time, are added to the pixels they were gathered from. dx is assigned.
  void col2im(int64_t N, const T* dy, const T* w, T* dx, CorrelationMemory<T>& memory) const;
  /// Multiplications of one image, in forward or col2im.
  double multiplications() const { return work(1) / 2; }

 private:
  struct Piece;  // what one piece of work has for itself

  int64_t pixels() const { return rows_.out * columns_.out; }
  /// Few rows of weights: gathering columns for them would cost more than it gives.
  bool direct() const { return M_ <= 4 && columns_.extent <= 2 * columns_.out; }
  bool dense() const { return pixels() == at_rows_.extent * at_columns_.extent; }
  int64_t place(int64_t u, int64_t v) const {
    return (at_rows_.first + u * at_rows_.step) * at_columns_.extent + at_columns_.first + v * at_columns_.step;
  }
  int64_t plane_size() const { return rows_.extent * columns_.extent; }
  double work(int64_t images) const;
  int64_t chunk(int64_t N) const;
  void fill_planes(int64_t images, const T* x, T* planes) const;
  void copy_plane(const T* x, int64_t r, int64_t s, T* plane) const;
  void add_plane(const T* plane, int64_t r, int64_t s, T* x) const;
  void col2im_channels(int64_t n0, int64_t n1, int64_t g, int64_t c0, int64_t c1, const T* dy, const T* w, T* dx,
                       const Piece& piece) const;
  int64_t find_runs(int64_t q, int64_t count, Run* runs) const;
  template <class F>
  void each_piece(int64_t images, int64_t units, int64_t scratch, CorrelationMemory<T>& memory, F f) const;
  void few_rows(int64_t images, const T* w, bool ones, T* y, CorrelationMemory<T>& memory) const;
  void panel(int64_t images, int64_t g, int64_t q, const T* w, bool ones, T* y, const Piece& piece) const;
  void scatter(int64_t g, int64_t q, int64_t width, const T* tile, T* y) const;
  void tile(int64_t g, int64_t q, int64_t count, int64_t l0, int64_t l1, const T* dy, T* dw,
            const Piece& piece) const;

  int64_t G_, C_, M_, image_;  // image_: numbers in the planes of one image
  Taps rows_, columns_;
  OutputGrid at_rows_, at_columns_;
  /// By number of a row of w: where in the planes of its group the first pixel meets it.
  std::vector<int64_t> offset_;
};

}  // namespace nncore
