#include "kernels/conv/im2col.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/reduce/reduce.hpp"
#include "layers/conv/correlation.hpp"

#include <algorithm>
#include <map>
#include <new>

#include "nncore/thread_pool.hpp"

namespace nncore {
namespace {

// All cut by sizes alone: the same for any number of threads.
constexpr int64_t kChunk = int64_t{1} << 20;          // numbers in the planes of a chunk, unless one image has more
constexpr int64_t kPieces = 16;                       // of work at a time, each with scratch of its own
constexpr int64_t kScratch = int64_t{1} << 24;        // numbers in all of it, unless one piece needs more
constexpr int64_t kRows = 64, kLengths = 64;          // of the weight's gradient, at a time
constexpr int64_t kRowPixels = 2048;                  // in front of one row of weights, at a time
template <class T>
constexpr int64_t kPixels = 4096 / int64_t{sizeof(T)};  // summed up at a time there; a multiple of every panel

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t checked_product(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t f : factors) {
    if (__builtin_mul_overflow(product, f, &product)) throw std::bad_alloc();
  }
  return product;
}

}  // namespace

/// Taps that differ by multiples of the step share a plane. Where that would hold much that no tap looks at (a wide
/// dilation), each tap has one of its own.
Taps::Taps(int64_t in_, int64_t out_, int64_t step_, const std::vector<int64_t>& first)
    : in(in_), out(out_), step(step_), extent(out_) {
  std::map<int64_t, int64_t> lowest;  // of each residue
  const auto residue = [&](int64_t f) { return (f % step + step) % step; };
  for (const int64_t f : first) {
    const auto at = lowest.try_emplace(residue(f), f).first;
    at->second = std::min(at->second, f);
  }
  int64_t far = 0;
  for (const int64_t f : first) far = std::max(far, (f - lowest[residue(f)]) / step);
  const auto n = static_cast<double>(first.size()), shared = static_cast<double>(lowest.size());
  const bool share = shared * static_cast<double>(out + far) <= n * static_cast<double>(out);
  if (share) extent = out + far;
  std::map<int64_t, int64_t> plane_from;
  for (const int64_t f : first) {
    const int64_t from = share ? lowest[residue(f)] : f;
    const auto [at, is_new] = plane_from.try_emplace(from, planes());
    if (is_new) start.push_back(from);
    plane.push_back(at->second);
    shift.push_back((f - from) / step);
  }
}

std::array<int64_t, 2> Taps::inside(int64_t r) const {
  const int64_t first = start[static_cast<std::size_t>(r)];
  const int64_t from = std::min(extent, first < 0 ? divide_up(-first, step) : 0);
  return {from, std::max(from, std::min(extent, first < in ? divide_up(in - first, step) : 0))};
}

template <class T>
struct Correlation<T>::Piece {
  T *planes, *scratch;
  Run* runs;
};

template <class T>
Correlation<T>::Correlation(int64_t G, int64_t C, int64_t M, Taps rows, Taps columns, OutputGrid at_rows,
                            OutputGrid at_columns)
    : G_(G),
      C_(C),
      M_(M),
      rows_(std::move(rows)),
      columns_(std::move(columns)),
      at_rows_(at_rows),
      at_columns_(at_columns) {
  const int64_t planes = checked_product({C_, rows_.planes(), columns_.planes()});
  image_ = checked_product({G_, planes, rows_.extent, columns_.extent});
  for (int64_t c = 0; c < C_; ++c)
    for (std::size_t i = 0; i < rows_.plane.size(); ++i)
      for (std::size_t j = 0; j < columns_.plane.size(); ++j) {
        const int64_t at = (c * rows_.planes() + rows_.plane[i]) * columns_.planes() + columns_.plane[j];
        offset_.push_back(at * plane_size() + rows_.shift[i] * columns_.extent + columns_.shift[j]);
      }
}

template <class T>
double Correlation<T>::work(int64_t images) const {
  return 2.0 * static_cast<double>(images * pixels()) * static_cast<double>(G_ * M_) * static_cast<double>(length());
}

template <class T>
int64_t Correlation<T>::chunk(int64_t N) const {
  return std::clamp(kChunk / image_, int64_t{1}, std::max(N, int64_t{1}));
}

template <class T>
void Correlation<T>::copy_plane(const T* x, int64_t r, int64_t s, T* plane) const {
  const int64_t left = columns_.start[static_cast<std::size_t>(s)], top = rows_.start[static_cast<std::size_t>(r)];
  const int64_t step = columns_.step, W = columns_.extent;
  const auto [v0, v1] = columns_.inside(s);
  for (int64_t h = 0; h < rows_.extent; ++h, plane += W) {
    const int64_t row = top + h * rows_.step;
    if (row < 0 || row >= rows_.in) {
      std::fill_n(plane, W, T(0));
      continue;
    }
    const T* from = x + row * columns_.in + left;
    std::fill_n(plane, v0, T(0));
    if (step == 1) std::copy(from + v0, from + v1, plane + v0);
    else if (step == 2) for (int64_t v = v0; v < v1; ++v) plane[v] = from[v * 2];  // known, it becomes vectors
    else for (int64_t v = v0; v < v1; ++v) plane[v] = from[v * step];
    std::fill(plane + v1, plane + W, T(0));
  }
}

template <class T>
void Correlation<T>::fill_planes(int64_t images, const T* x, T* planes) const {
  const int64_t channel = rows_.in * columns_.in, own = rows_.planes() * columns_.planes();
  parallel_for(images * G_ * C_, static_cast<double>(images * image_), [&](int64_t i) {
    T* to = planes + i * own * plane_size();
    for (int64_t r = 0; r < rows_.planes(); ++r)
      for (int64_t s = 0; s < columns_.planes(); ++s, to += plane_size()) copy_plane(x + i * channel, r, s, to);
  });
}

/// The pixels q … q + count - 1 of a chunk as runs in its planes.
template <class T>
int64_t Correlation<T>::find_runs(int64_t q, int64_t count, Run* runs) const {
  const bool gapless = columns_.extent == columns_.out;
  int64_t n = 0;
  while (count > 0) {
    const int64_t p = q % pixels(), u = p / columns_.out, v = p % columns_.out;
    const int64_t length = std::min(count, gapless ? pixels() - p : columns_.out - v);
    runs[n++] = {q / pixels() * image_ + u * columns_.extent + v, length};
    q += length;
    count -= length;
  }
  return n;
}

/// f(unit, piece) for all units, each piece taking its share of them in turn.
template <class T>
template <class F>
void Correlation<T>::each_piece(int64_t images, int64_t units, int64_t scratch, CorrelationMemory<T>& memory,
                                F f) const {
  const int64_t line = 64 / int64_t{sizeof(T)}, own = divide_up(scratch, line) * line, panel = kernels<T>().panel;
  const int64_t pieces = std::min(units, std::clamp(kScratch / own, int64_t{1}, kPieces));
  T* all = memory.scratch.reserve(checked_product({pieces, own}));
  memory.runs.resize(static_cast<std::size_t>(pieces * panel));
  parallel_for(pieces, work(images), [&](int64_t i) {
    const Piece piece{memory.planes.data(), all + i * own, memory.runs.data() + i * panel};
    for (int64_t unit = i * units / pieces; unit < (i + 1) * units / pieces; ++unit) f(unit, piece);
  });
}

template <class T>
void Correlation<T>::forward(int64_t N, const T* x, const T* w, bool ones, T* y, CorrelationMemory<T>& memory) const {
  const int64_t B = chunk(N), panel_width = kernels<T>().panel, L = length() + (ones ? 1 : 0);
  const int64_t image_in = G_ * C_ * rows_.in * columns_.in, image_out = G_ * M_ * at_rows_.extent * at_columns_.extent;
  T* planes = memory.planes.reserve(checked_product({B, image_}) + panel_width);
  const int64_t scratch = checked_product({L + 1 + M_, panel_width});
  for (int64_t n = 0; n < N; n += B) {
    const int64_t images = std::min(B, N - n), panels = divide_up(images * pixels(), panel_width);
    fill_planes(images, x + n * image_in, planes);
    if (direct()) {
      few_rows(images, w, ones, y + n * image_out, memory);
      continue;
    }
    each_piece(images, G_ * panels, scratch, memory, [&](int64_t unit, const Piece& piece) {
      panel(images, unit / panels, unit % panels * panel_width, w, ones, y + n * image_out, piece);
    });
  }
}

/// Rows of pixels are taken with the gaps between them, which their planes have; what falls into a gap is dropped.
template <class T>
void Correlation<T>::few_rows(int64_t images, const T* w, bool ones, T* y, CorrelationMemory<T>& memory) const {
  const int64_t W = columns_.extent, V = columns_.out, step = at_columns_.step, L = length() + (ones ? 1 : 0);
  const int64_t block = std::clamp(kRowPixels / W, int64_t{1}, rows_.out),
                channel = at_rows_.extent * at_columns_.extent;
  each_piece(images, images * G_, block * W, memory, [&](int64_t unit, const Piece& piece) {
    const T* planes = piece.planes + unit / G_ * image_ + unit % G_ * (image_ / G_);
    for (int64_t m = 0; m < M_; ++m) {
      const T* row = w + (unit % G_ * M_ + m) * L;
      T* to = y + (unit * M_ + m) * channel;
      for (int64_t u0 = 0; u0 < rows_.out; u0 += block) {
        const int64_t rows = std::min(block, rows_.out - u0);
        kernels<T>().im2col.correlate(rows * W - (W - V), length(), ones ? row[0] : T(0), ones ? row + 1 : row,
                                      offset_.data(), planes + u0 * W, piece.scratch);
        for (int64_t u = 0; u < rows; ++u) {
          T* out = to + place(u0 + u, 0);
          for (int64_t v = 0; v < V; ++v) out[v * step] = piece.scratch[u * W + v];
        }
      }
    }
  });
}

/// The outputs of one group at pixels q and the following.
template <class T>
void Correlation<T>::panel(int64_t images, int64_t g, int64_t q, const T* w, bool ones, T* y,
                           const Piece& piece) const {
  const int64_t P = pixels(), panel_width = kernels<T>().panel, width = std::min(panel_width, images * P - q);
  const int64_t first = ones ? 1 : 0, L = length() + first;
  T* const b = piece.scratch;
  T* const tile = b + (L + 1) * panel_width;
  std::fill_n(b, first * width, T(1));
  kernels<T>().im2col.pack_panel(length(), width, offset_.data(), find_runs(q, width, piece.runs), piece.runs,
                                 piece.planes + g * (image_ / G_), b + first * width);
  const int64_t n = q / P, p = q % P;
  const bool direct = dense() && p + width <= P;
  T* const out = direct ? y + (n * G_ + g) * M_ * P + p : tile;
  kernels<T>().gemm.forward(M_, width, L, w + g * M_ * L, L, b, nullptr, out, direct ? P : width);
  if (!direct) scatter(g, q, width, tile, y);
}

/// Takes a tile (M, width) to its places.
template <class T>
void Correlation<T>::scatter(int64_t g, int64_t q, int64_t width, const T* tile, T* y) const {
  const int64_t V = columns_.out, step = at_columns_.step, channel = at_rows_.extent * at_columns_.extent;
  for (int64_t done = 0, length = 0; done < width; done += length) {
    const int64_t n = (q + done) / pixels(), p = (q + done) % pixels(), u = p / V, v = p % V;
    length = std::min(width - done, V - v);
    for (int64_t m = 0; m < M_; ++m) {
      T* to = y + ((n * G_ + g) * M_ + m) * channel + place(u, v);
      for (int64_t i = 0; i < length; ++i) to[i * step] = tile[m * width + done + i];
    }
  }
}

template <class T>
void Correlation<T>::weight_gradient(int64_t N, const T* x, const T* dy, T* dw, CorrelationMemory<T>& memory) const {
  const int64_t B = chunk(N), L = length(), P = pixels(), most = std::min(M_, kRows);
  int64_t lengths = kLengths;  // at a time: fewer, if there would be few pieces
  while (lengths > 8 && G_ * divide_up(L, lengths) < kPieces / 2) lengths /= 2;
  const int64_t blocks = divide_up(L, lengths), scratch = (lengths + most + 1) * kPixels<T> + most * lengths;
  T* planes = memory.planes.reserve(checked_product({B, image_}) + kernels<T>().panel);
  std::fill_n(dw, G_ * M_ * L, T(0));
  for (int64_t n = 0; n < N; n += B) {
    const int64_t images = std::min(B, N - n);
    fill_planes(images, x + n * G_ * C_ * rows_.in * columns_.in, planes);
    each_piece(images, G_ * blocks, scratch, memory, [&](int64_t unit, const Piece& piece) {
      const int64_t l0 = unit % blocks * lengths, l1 = std::min(L, l0 + lengths);
      for (int64_t q = 0; q < images * P; q += kPixels<T>) {
        tile(unit / blocks, q, std::min(kPixels<T>, images * P - q), l0, l1, dy + n * G_ * M_ * P, dw, piece);
      }
    });
  }
}

/// Adds what `count` pixels from q on give to columns l0 … l1 - 1 of one group's gradient.
template <class T>
void Correlation<T>::tile(int64_t g, int64_t q, int64_t count, int64_t l0, int64_t l1, const T* dy, T* dw,
                          const Piece& piece) const {
  const int64_t P = pixels(), panel_width = kernels<T>().panel, width = l1 - l0, n = q / P, p = q % P;
  T* const b = piece.scratch;
  for (int64_t j = 0; j < count; j += panel_width) {
    const int64_t now = std::min(panel_width, count - j);
    kernels<T>().im2col.pack_panel(width, now, offset_.data() + l0, find_runs(q + j, now, piece.runs), piece.runs,
                                   piece.planes + g * (image_ / G_), b + j * width);
  }
  T* const rows = b + (width + 1) * kPixels<T>;
  T* const sums = rows + std::min(M_, kRows) * kPixels<T>;
  for (int64_t m0 = 0; m0 < M_; m0 += kRows) {
    const int64_t M = std::min(kRows, M_ - m0);
    const T* from = dy + ((n * G_ + g) * M_ + m0) * P + p;
    if (p + count > P) {  // more than one image: side by side
      for (int64_t j = 0, now = 0; j < count; j += now) {
        const int64_t at = (q + j) % P;
        now = std::min(count - j, P - at);
        for (int64_t m = 0; m < M; ++m)
          std::copy_n(dy + (((q + j) / P * G_ + g) * M_ + m0 + m) * P + at, now, rows + m * count + j);
      }
      from = rows;
    }
    kernels<T>().gemm.input_gradient(M, count, width, 0, width, from, from == rows ? count : P, b, sums, width);
    for (int64_t m = 0; m < M; ++m)
      kernels<T>().reduce.add(width, sums + m * width, dw + (g * M_ + m0 + m) * length() + l0);
  }
}

/// The pixels behind one plane get what was added up in it.
template <class T>
void Correlation<T>::add_plane(const T* plane, int64_t r, int64_t s, T* x) const {
  const int64_t left = columns_.start[static_cast<std::size_t>(s)], top = rows_.start[static_cast<std::size_t>(r)];
  const auto [h0, h1] = rows_.inside(r);
  const auto [v0, v1] = columns_.inside(s);
  for (int64_t h = h0; h < h1; ++h) {
    const T* from = plane + h * columns_.extent;
    T* const to = x + (top + h * rows_.step) * columns_.in + left;
    for (int64_t v = v0; v < v1; ++v) to[v * columns_.step] += from[v];
  }
}

template <class T>
void Correlation<T>::col2im(int64_t N, const T* dy, const T* w, T* dx, CorrelationMemory<T>& memory) const {
  const int64_t B = chunk(N), panel_width = kernels<T>().panel, together = divide_up(2 * panel_width, pixels());
  const int64_t most_blocks = divide_up(std::min(B, N), together), image_out = G_ * M_ * pixels();
  int64_t channels = C_;  // at a time: fewer, if there would be few pieces
  while (channels > 4 && most_blocks * G_ * divide_up(C_, channels) < kPieces / 2) channels = divide_up(channels, 2);
  const int64_t parts = divide_up(C_, channels), taps = rows_.count() * columns_.count();
  const int64_t scratch = checked_product({M_ + channels * taps, panel_width});
  memory.planes.reserve(checked_product({B, image_}) + panel_width);
  for (int64_t n = 0; n < N; n += B) {
    const int64_t images = std::min(B, N - n);
    each_piece(
        images, divide_up(images, together) * G_ * parts, scratch, memory, [&](int64_t unit, const Piece& piece) {
          const int64_t part = unit % parts, g = unit / parts % G_, n0 = unit / parts / G_ * together;
          col2im_channels(n0, std::min(images, n0 + together), g, part * channels, std::min(C_, (part + 1) * channels),
                          dy + n * image_out, w, dx + n * G_ * C_ * rows_.in * columns_.in, piece);
        });
  }
}

/// Columns of the gradient, a panel of pixels at a time, are added to the planes they were gathered from.
template <class T>
void Correlation<T>::col2im_channels(int64_t n0, int64_t n1, int64_t g, int64_t c0, int64_t c1, const T* dy, const T* w,
                                     T* dx, const Piece& piece) const {
  const int64_t P = pixels(), panel_width = kernels<T>().panel, taps = rows_.count() * columns_.count();
  const int64_t l0 = c0 * taps, l1 = c1 * taps, channel = image_ / G_ / C_;
  T* const own = piece.planes + g * C_ * channel;
  for (int64_t n = n0; n < n1; ++n) std::fill_n(own + n * image_ + c0 * channel, (c1 - c0) * channel, T(0));
  T* const columns = piece.scratch + M_ * panel_width;
  for (int64_t q = n0 * P; q < n1 * P; q += panel_width) {
    const int64_t width = std::min(panel_width, n1 * P - q), runs = find_runs(q, width, piece.runs);
    for (int64_t j = 0, now = 0; j < width; j += now) {
      const int64_t n = (q + j) / P, p = (q + j) % P;
      now = std::min(width - j, P - p);
      for (int64_t m = 0; m < M_; ++m)
        std::copy_n(dy + ((n * G_ + g) * M_ + m) * P + p, now, piece.scratch + m * width + j);
    }
    kernels<T>().gemm.forward(l1 - l0, width, M_, w + (g * length() + l0) * M_, M_, piece.scratch, nullptr, columns,
                              width);
    const T* from = columns;
    for (int64_t l = l0; l < l1; ++l) {
      for (int64_t r = 0; r < runs; ++r) {
        T* const to = own + offset_[static_cast<std::size_t>(l)] + piece.runs[r].from;
        for (int64_t i = 0; i < piece.runs[r].length; ++i) to[i] += *from++;
      }
    }
  }
  const int64_t size = rows_.in * columns_.in;
  for (int64_t n = n0; n < n1; ++n) {
    for (int64_t c = c0; c < c1; ++c) {
      T* const to = dx + ((n * G_ + g) * C_ + c) * size;
      const T* plane = own + n * image_ + c * channel;
      std::fill_n(to, size, T(0));
      for (int64_t r = 0; r < rows_.planes(); ++r)
        for (int64_t s = 0; s < columns_.planes(); ++s, plane += plane_size()) add_plane(plane, r, s, to);
    }
  }
}

template class Correlation<float>;
template class Correlation<double>;

}  // namespace nncore
