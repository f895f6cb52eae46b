/// Convolution by Winograd's kernels (kernels/conv/winograd.cpp) on blocked images: square kernels of 3 or 5, enough
/// channels, and images that tiles fill. Two to six times fewer multiplications than the direct kernels.
#pragma once

#include <algorithm>

#include "kernels/conv/winograd.hpp"
#include "lowering/scratch_pool.hpp"
#include "nncore/buffer.hpp"
#include "nncore/thread_pool.hpp"

namespace nncore {

template <class T>
class WinogradConv {
 public:
  /// Is it faster than the direct kernels? Sizes alone decide, without the batch: a sample's results do not depend on
  /// those beside it. Costs are in fused multiply-adds of 16 lanes; a tile of a block of channels takes `transform` of
  /// them there or back.
  static bool suits(const ConvShape& s) {
    if (s.kh != s.kw || (s.kh != 3 && s.kh != 5) || s.C * s.K > kMaxWeights) return false;
    const WinogradShape tiled = {s};
    const int64_t K = blocks_of(s.K, 16), C = blocks_of(s.C, 16), transform = s.kh == 3 ? 200 : 450;
    const double pixels = static_cast<double>(s.OH()) * static_cast<double>(s.OW());
    const int64_t tile = tiled.n() * tiled.n() * s.C * K + transform * (C + K);
    return 1.3 * static_cast<double>(tiled.tiles()) * static_cast<double>(tile) <=
           pixels * static_cast<double>(s.kh * s.kw * s.C * K);
  }

  explicit WinogradConv(const ConvShape& s) : s_{s} {}

  /// Pieces of y are whole planes or a multiple of so many rows of one, but for the last of the plane.
  int64_t rows_at_once(int64_t N, int64_t threads) const {
    return units_of(N, threads).bands == 1 ? s_.conv.OH() : s_.m;
  }

  /// As the direct kernel: w packed, and `changed` or the one of the call before; finish(first, n, y) for each piece of
  /// y that is ready; with y null the whole y is never stored.
  template <class F>
  void forward(int64_t N, const T* x, const T* w, bool changed, const T* bias, T* y, int64_t threads, F finish) {
    const Kernels<T>& kernel = kernels<T>();
    T* const u = weights_.reserve(points() * s_.weights(b()));
    parallel_for(changed ? K_blocks() : 0, weight_work(),
                 [&](int64_t k) { kernel.winograd.weight_transform(s_, k, k + 1, w, u); });
    const Units units = units_of(N, threads);
    const int64_t image = K_blocks() * s_.conv.OH() * s_.conv.OW() * b(), own = s_.tiles();
    const int64_t wanted = y == nullptr ? units.images * image : 0;
    each_unit(units, units.count, x, wanted, [&](int64_t, bool, const TileRange& tiles, const T* v, T* z, T* passing) {
      const int64_t count = tiles.tile1 - tiles.tile0;
      for (int64_t p = 0; p < points(); ++p) {
        kernel.conv.forward(one_by_one(count), {1, 0, K_blocks(), 0, 1}, v + p * s_.point(s_.conv.C, count, b()),
                            u + p * s_.weights(b()), nullptr, z + p * s_.point(s_.conv.K, count, b()));
      }
      const int64_t n0 = y == nullptr ? tiles.tile0 / own : 0;  // the image that `to` begins with
      T* const to = y == nullptr ? passing : y;
      kernel.winograd.output_transform(s_, {tiles.tile0 - n0 * own, tiles.tile1 - n0 * own}, z, bias, to);
      finish_tiles(tiles, to, n0 * image, finish);
    });
  }

  /// dw (packed), the sum over the images of x and dz. Parts of the batch are summed alone, then together.
  void weight_gradient(int64_t N, const T* x, const T* dz, T* dw) {
    const Kernels<T>& kernel = kernels<T>();
    const ConvShape& c = s_.conv;
    const Units units = units_of(N, 1);
    const int64_t u_size = points() * s_.weights(b());
    const int64_t parts = std::clamp(std::min(units.count, kGradients / u_size), int64_t{1}, kPieces);
    T* const sums = weights_.reserve(parts * u_size);
    if (units.count == 0) std::fill_n(sums, u_size, T(0));
    each_unit(units, parts, x, 0, [&](int64_t part, bool first, const TileRange& tiles, const T* v, T* z, T*) {
      T* const u = sums + part * u_size;
      const int64_t count = tiles.tile1 - tiles.tile0;
      kernel.winograd.gradient_transform(s_, tiles, dz, z);
      for (int64_t p = 0; p < points(); ++p) {
        kernel.conv.weight_gradient(one_by_one(count), {1, 0, K_blocks(), 0, blocks_of(c.C, b()), 0, 1, !first},
                                    v + p * s_.point(c.C, count, b()), z + p * s_.point(c.K, count, b()),
                                    u + p * s_.weights(b()));
      }
    });
    parallel_for(K_blocks(), static_cast<double>(parts) * weight_work(), [&](int64_t k) {
      kernel.winograd.weight_gradient_transform(s_, k, k + 1, parts, u_size, sums, dw);
    });
  }

 private:
  static constexpr int64_t kMaxWeights = 1 << 16;
  static constexpr int64_t kPieces = 8;                         // so many can be worked on at once
  static constexpr int64_t kInCache = (640 << 10) / sizeof(T);  // values of the tiles of a unit
  static constexpr int64_t kGradients = (8 << 20) / sizeof(T);  // all parts' sums

  static int64_t b() { return kernels<T>().lanes; }
  int64_t points() const { return s_.n() * s_.n(); }
  int64_t K_blocks() const { return blocks_of(s_.conv.K, b()); }
  int64_t values(int64_t channels, int64_t tiles) const { return points() * s_.point(channels, tiles, b()); }
  ConvShape one_by_one(int64_t tiles) const { return {s_.conv.C, 1, tiles, s_.conv.K, 1, 1, 0, 0}; }
  double work(int64_t N) const {
    return 2.0 * static_cast<double>(N * points() * s_.tiles()) * static_cast<double>(s_.conv.C * s_.conv.K);
  }
  double weight_work() const { return 10.0 * static_cast<double>(points() * s_.weights(b())); }

  /// What is done at once: some images, or some rows of tiles of one.
  struct Units {
    int64_t N, images, bands, count, most;  ///< bands: of one image; most: tiles of the largest unit
  };
  /// `least`: at least so many, if there are rows enough.
  Units units_of(int64_t N, int64_t least) const {
    const int64_t fit = std::max(kInCache / (points() * (s_.conv.C + s_.conv.K)), int64_t{1}), image = s_.tiles();
    if (image <= fit && N >= least) {
      const int64_t images = std::max(std::min(fit / image, (N + kPieces - 1) / kPieces), int64_t{1});
      return {N, images, 1, (N + images - 1) / images, images * image};
    }
    const int64_t rows = std::max(fit / s_.columns(), int64_t{1}), fitting = (s_.rows() + rows - 1) / rows;
    const int64_t bands = std::min(s_.rows(), std::max(fitting, least / std::max(N, int64_t{1})));
    return {N, 1, bands, N * bands, (s_.rows() + bands - 1) / bands * s_.columns()};
  }
  TileRange tiles_of(const Units& units, int64_t i) const {
    if (units.bands == 1) {
      return {i * units.images * s_.tiles(), std::min(units.N, (i + 1) * units.images) * s_.tiles()};
    }
    const int64_t first = i / units.bands * s_.tiles(), band = i % units.bands, rows = s_.rows();
    return {first + band * rows / units.bands * s_.columns(), first + (band + 1) * rows / units.bands * s_.columns()};
  }

  /// f(piece, is it the piece's first?, tiles, v, z, more) for all units, those of a piece in order: v holds the
  /// transformed tiles of x, z is memory for those of K channels, `more` for `wanted` further numbers.
  template <class F>
  void each_unit(const Units& units, int64_t pieces, const T* x, int64_t wanted, F f) {
    const int64_t v_size = values(s_.conv.C, units.most), z_size = values(s_.conv.K, units.most);
    ScratchPool<T> pool(scratch_, v_size + z_size + wanted, pieces);
    parallel_for(pieces, work(units.N), [&](int64_t piece) {
      const int64_t first = piece * units.count / pieces, last = (piece + 1) * units.count / pieces;
      const auto scratch = pool.acquire();
      T *const v = scratch.data(), *const z = v + v_size;
      for (int64_t i = first; i < last; ++i) {
        const TileRange tiles = tiles_of(units, i);
        kernels<T>().winograd.input_transform(s_, tiles, x, v);
        f(piece, i == first, tiles, v, z, z + z_size);
      }
    });
  }

  /// y begins with element y0 of the results.
  template <class F>
  void finish_tiles(const TileRange& tiles, T* y, int64_t y0, F finish) const {
    const int64_t OH = s_.conv.OH(), row = s_.conv.OW() * b(), own = s_.tiles();
    for (int64_t tile = tiles.tile0; tile < tiles.tile1; tile = (tile / own + 1) * own) {
      const int64_t n = tile / own, last = std::min(tiles.tile1 - n * own, own);
      const int64_t row0 = tile % own / s_.columns() * s_.m, row1 = std::min(OH, last / s_.columns() * s_.m);
      for (int64_t k = 0; k < K_blocks(); ++k) {
        const int64_t first = ((n * K_blocks() + k) * OH + row0) * row;
        finish(first, (row1 - row0) * row, y + first - y0);
      }
    }
  }

  WinogradShape s_;
  Buffer<T> weights_, scratch_;
};

}  // namespace nncore
