/// Compares the convolutions with plain loops, looks for reads and writes out of bounds, and times them.
#include "kernels/conv/conv.hpp"
#include "kernels/conv/layout.hpp"
#include "conv_problem.hpp"
#include "timing.hpp"

namespace nncore::check {
namespace {

/// Packed weights by the formula, zeros in the lanes beyond K.
template <class T>
void pack(const ConvArrays<T>& a, int64_t b, T* packed) {
  std::fill(packed, packed + packed_size(a.s, b), T(0));
  for (int64_t k = 0; k < a.s.K; ++k)
    for (int64_t c = 0; c < a.s.C; ++c)
      for (int64_t i = 0; i < a.s.kh; ++i)
        for (int64_t j = 0; j < a.s.kw; ++j)
          packed[weight_index(a.s, b, k, c, i, j)] = static_cast<T>(a.w_at(k, c, i, j));
}

/// What was written where, compared with a run in one piece.
template <class T>
int compare_bits(const Guarded<T>& got, const Guarded<T>& expected) {
  for (int64_t i = 0; i < got.size(); ++i)
    if (std::memcmp(&got[i], &expected[i], sizeof(T)) != 0) return fail("other bits", i);
  return check_fronts(got, expected);
}

/// Blocked `got` (N, C, H, W): expected(n, c, h, v) in the channels, zeros in the lanes beyond.
template <class T, class Expected>
int compare(const Guarded<T>& got, int64_t b, int64_t N, int64_t C, int64_t H, int64_t W, Expected expected) {
  for (int64_t n = 0; n < N; ++n)
    for (int64_t c = 0; c < blocks_of(C, b) * b; ++c)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t v = 0; v < W; ++v) {
          const int64_t at = blocked_index(b, C, H, W, n, c, h, v);
          if (c >= C ? got[at] != 0 : !expected(n, c, h, v).close(got[at]))
            return fail(c < C ? "wrong sum" : "padding is not zero", at);
        }
  return 0;
}

/// One call for everything, then many small ones, which must leave all but their own part alone.
template <class T>
int compare_cuts(decltype(ConvKernels<T>::forward) forward, const ConvShape& s, int64_t b, int64_t N, const T* x,
                 int64_t x_image, const T* w, const T* bias, Guarded<T>& y) {
  const int64_t blocks = blocks_of(s.K, b), area = s.OH() * s.OW() * b;
  forward(s, {N, 0, blocks, 0, s.OH()}, x, w, bias, y.data());
  Guarded<T> cut(y.size());
  int64_t calls = 0;
  for (int64_t n = 0; n < N; ++n)
    for (int64_t k = 0, k1; k < blocks; k = k1) {
      k1 = std::min(blocks, k + 1 + (n + k) % 3);
      for (int64_t r = 0, r1; r < s.OH(); r = r1) {
        r1 = std::min(s.OH(), r + 1 + (r + k) % 4);
        T* image = cut.data() + n * blocks * area;
        forward(s, {1, k, k1, r, r1}, x + n * x_image, w, bias, image);
        if (++calls > 1) continue;
        for (int64_t i = 0; i < cut.size(); ++i)
          if (const int64_t row = i % area / (s.OW() * b); (i / area >= k1 || row >= r1) && !cut.untouched(i))
            return fail("write outside the part", i);
      }
    }
  return compare_bits(cut, y);
}

template <class T>
int check_forward(const Kernels<T>& kernels, const ConvArrays<T>& a, bool plain, bool with_bias) {
  const ConvShape& s = a.s;
  const int64_t b = kernels.lanes;
  Guarded<T> x(plain ? static_cast<int64_t>(a.x.size()) : blocked_size(b, a.images, s.C, s.H, s.W)), bias(s.K);
  Guarded<T> w(packed_size(s, b)), y(blocked_size(b, a.images, s.K, s.OH(), s.OW()));
  if (plain) std::copy(a.x.begin(), a.x.end(), x.data());
  else to_blocked(b, a.images, s.C, s.H, s.W, a.x.data(), std::numeric_limits<T>::quiet_NaN(), x.data());
  std::copy(a.bias.begin(), a.bias.end(), bias.data());
  pack(a, b, w.data());
  const auto forward = plain ? kernels.plain_conv.forward : kernels.conv.forward;
  const int64_t x_image = x.size() / std::max<int64_t>(a.images, 1);
  return compare_cuts<T>(forward, s, b, a.images, x.data(), x_image, w.data(), with_bias ? bias.data() : nullptr, y) +
         compare(y, b, a.images, s.K, s.OH(), s.OW(),
                 [&](int64_t n, int64_t k, int64_t h, int64_t v) { return a.y(n, k, h, v, with_bias); });
}

/// dx is the forward kernel with flipped weights.
template <class T>
int check_dx(const Kernels<T>& kernels, const ConvArrays<T>& a) {
  const ConvShape &s = a.s, back = s.backward();
  const int64_t b = kernels.lanes;
  Guarded<T> dy(blocked_size(b, a.images, s.K, s.OH(), s.OW())), dx(blocked_size(b, a.images, s.C, s.H, s.W));
  Guarded<T> w(packed_size(s, b)), flipped(packed_size(back, b));
  to_blocked(b, a.images, s.K, s.OH(), s.OW(), a.dy.data(), std::numeric_limits<T>::quiet_NaN(), dy.data());
  pack(a, b, w.data());
  kernels.conv_layout.flip_weights(s, 0, blocks_of(s.K, b), w.data(), flipped.data());
  const int64_t image = dy.size() / std::max<int64_t>(a.images, 1);
  return compare_cuts<T>(kernels.conv.forward, back, b, a.images, dy.data(), image, flipped.data(), nullptr, dx) +
         compare(dx, b, a.images, s.C, s.H, s.W,
                 [&](int64_t n, int64_t c, int64_t h, int64_t v) { return a.dx(n, c, h, v); });
}

template <class T>
int check_dw(const Kernels<T>& kernels, const ConvArrays<T>& a, bool plain) {
  const ConvShape& s = a.s;
  const int64_t b = kernels.lanes, blocks = blocks_of(s.K, b), taps = s.kh * s.kw;
  const int64_t inputs = plain ? s.C : blocks_of(s.C, b);
  Guarded<T> x(plain ? static_cast<int64_t>(a.x.size()) : blocked_size(b, a.images, s.C, s.H, s.W));
  Guarded<T> dy(blocked_size(b, a.images, s.K, s.OH(), s.OW())), dw(packed_size(s, b)), cut(dw.size());
  if (plain) std::copy(a.x.begin(), a.x.end(), x.data());
  else to_blocked(b, a.images, s.C, s.H, s.W, a.x.data(), std::numeric_limits<T>::quiet_NaN(), x.data());
  to_blocked(b, a.images, s.K, s.OH(), s.OW(), a.dy.data(), T(0), dy.data());
  const auto gradient = plain ? kernels.plain_conv.weight_gradient : kernels.conv.weight_gradient;
  gradient(s, {a.images, 0, blocks, 0, inputs, 0, taps}, x.data(), dy.data(), dw.data());
  for (int64_t k = 0; k < blocks * b; ++k)
    for (int64_t c = 0; c < s.C; ++c)
      for (int64_t i = 0; i < s.kh; ++i)
        for (int64_t j = 0; j < s.kw; ++j) {
          const int64_t at = weight_index(s, b, k, c, i, j);
          if (k >= s.K ? dw[at] != 0 : !a.dw(k, c, i, j).close(dw[at])) return fail("wrong sum", at);
        }

  for (int64_t k = 0, k1; k < blocks; k = k1) {
    k1 = std::min(blocks, k + 1 + k % 5);
    for (int64_t c = 0, c1; c < inputs; c = c1) {
      c1 = std::min(inputs, c + 1 + (c + k) % 2);
      for (int64_t tap = 0, end; tap < taps; tap = end) {
        end = std::min(taps, tap + 1 + (tap + c) % 7);
        gradient(s, {a.images, k, k1, c, c1, tap, end}, x.data(), dy.data(), cut.data());
      }
    }
  }
  return compare_bits(cut, dw);
}

template <class T>
int check_db(const Kernels<T>& kernels, const ConvArrays<T>& a) {
  const ConvShape& s = a.s;
  const int64_t b = kernels.lanes, blocks = blocks_of(s.K, b);
  Guarded<T> dy(blocked_size(b, a.images, s.K, s.OH(), s.OW())), db(s.K), cut(s.K);
  to_blocked(b, a.images, s.K, s.OH(), s.OW(), a.dy.data(), std::numeric_limits<T>::quiet_NaN(), dy.data());
  kernels.conv.bias_gradient(s, a.images, 0, blocks, dy.data(), db.data());
  for (int64_t k = 0; k < s.K; ++k)
    if (!a.db(k).close(db[k])) return fail("wrong sum", k);
  for (int64_t k = 0; k < blocks; ++k)
    kernels.conv.bias_gradient(s, a.images, k, k + 1, dy.data(), cut.data());
  return compare_bits(cut, db);
}

/// x and w into blocks and back, and weights rotated by 180 degrees: copies, so every number is compared.
template <class T>
int check_layout(const Kernels<T>& kernels, const ConvArrays<T>& a) {
  const ConvShape &s = a.s, back = s.backward();
  const ConvLayoutKernels<T>& layout = kernels.conv_layout;
  const int64_t b = kernels.lanes, L = s.H * s.W, blocks = blocks_of(s.K, b), size = packed_size(s, b);
  Guarded<T> natural(a.images * s.C * L), blocked(blocked_size(b, a.images, s.C, s.H, s.W));
  Guarded<T> blocks_by_hand(blocked.size());
  std::copy(a.x.begin(), a.x.end(), natural.data());
  layout.to_blocked(a.images, s.C, L, natural.data(), blocked.data());
  to_blocked(b, a.images, s.C, s.H, s.W, a.x.data(), T(0), blocks_by_hand.data());
  int failures = compare_bits(blocked, blocks_by_hand);
  Guarded<T> again(natural.size());
  layout.from_blocked(a.images, s.C, L, blocked.data(), again.data());
  failures += compare_bits(again, natural);

  Guarded<T> w(s.K * s.C * s.kh * s.kw), w_again(w.size()), packed(size), by_hand(size), flipped(packed_size(back, b));
  std::copy(a.w.begin(), a.w.end(), w.data());
  layout.pack_weights(s, w.data(), packed.data());
  pack(a, b, by_hand.data());
  failures += compare_bits(packed, by_hand);
  layout.unpack_weights(s, packed.data(), w_again.data());
  failures += compare_bits(w_again, w);

  Guarded<T> flipped_by_hand(flipped.size());
  std::fill(flipped_by_hand.data(), flipped_by_hand.data() + flipped.size(), T(0));
  for (int64_t k = 0; k < s.K; ++k)
    for (int64_t c = 0; c < s.C; ++c)
      for (int64_t i = 0; i < s.kh; ++i)
        for (int64_t j = 0; j < s.kw; ++j)
          flipped_by_hand[weight_index(back, b, c, k, s.kh - 1 - i, s.kw - 1 - j)] = static_cast<T>(a.w_at(k, c, i, j));
  for (int64_t k = 0; k < blocks; k += 2)
    layout.flip_weights(s, k, std::min(blocks, k + 2), packed.data(), flipped.data());
  return failures + compare_bits(flipped, flipped_by_hand);
}

template <class T>
int check(const Kernels<T>& kernels, const Problem& p) {
  const ConvArrays<T> a(p["mb"], shape_of(p));
  const bool plain = p.kernel.ends_with("_plain");
  if (p.kernel == "bwd_d") return check_dx(kernels, a);
  if (p.kernel.starts_with("bwd_w")) return check_dw(kernels, a, plain);
  if (p.kernel == "bwd_b") return check_db(kernels, a);
  if (p.kernel == "layout") return check_layout(kernels, a);
  return check_forward(kernels, a, plain, true) + check_forward(kernels, a, plain, false);
}

template <class T>
void bench(const Kernels<T>& kernels, const Problem& p) {
  const ConvShape s = shape_of(p), back = s.backward();
  const ConvLayoutKernels<T>& layout = kernels.conv_layout;
  const int64_t b = kernels.lanes, N = p["mb"], in = blocks_of(s.C, b), out = blocks_of(s.K, b), taps = s.kh * s.kw;
  Aligned<T> x(blocked_size(b, N, s.C, s.H, s.W)), y(blocked_size(b, N, s.K, s.OH(), s.OW())), bias(s.K);
  Aligned<T> w(packed_size(s, b)), flipped(packed_size(back, b)), natural(N * s.C * s.H * s.W);
  const ConvRows rows = {N, 0, out, 0, s.OH()}, back_rows = {N, 0, in, 0, s.H};
  const double count = operations(N, s);
  const auto run = [&] {
    if (p.kernel == "fwd") kernels.conv.forward(s, rows, x.get(), w.get(), bias.get(), y.get());
    else if (p.kernel == "fwd_plain") kernels.plain_conv.forward(s, rows, x.get(), w.get(), bias.get(), y.get());
    else if (p.kernel == "bwd_d") kernels.conv.forward(back, back_rows, y.get(), flipped.get(), nullptr, x.get());
    else if (p.kernel == "bwd_w")
      kernels.conv.weight_gradient(s, {N, 0, out, 0, in, 0, taps}, x.get(), y.get(), w.get());
    else if (p.kernel == "bwd_w_plain")
      kernels.plain_conv.weight_gradient(s, {N, 0, out, 0, s.C, 0, taps}, x.get(), y.get(), w.get());
    else if (p.kernel == "bwd_b") kernels.conv.bias_gradient(s, N, 0, out, y.get(), bias.get());
    else if (p.kernel == "flip") layout.flip_weights(s, 0, out, w.get(), flipped.get());
    else if (p.kernel == "to_blocked") layout.to_blocked(N, s.C, s.H * s.W, natural.get(), x.get());
    else if (p.kernel == "from_blocked") layout.from_blocked(N, s.C, s.H * s.W, x.get(), natural.get());
  };
  const Timing t = time_beside_probe(kernels, count, run);
  std::printf("%-8s %-50s %9.1f us", kernels.isa, p.text().c_str(), t.best * 1e6);
  if (p.kernel.starts_with("fwd") || p.kernel.starts_with("bwd_d") || p.kernel.starts_with("bwd_w"))
    std::printf(" %6.1f Gflop/s, of the probe: median %5.1f %%, best %5.1f %%", count / t.best * 1e-9,
                100 * t.median_fraction, 100 * t.best_fraction);
  std::puts("");
}

/// Sizes around every edge a tile, a block or a padding can have.
std::vector<Problem> all_problems() {
  const ConvShape shapes[] = {
      // C, H, W, K, kh, kw, ph, pw
      {1, 1, 1, 1, 1, 1, 0, 0},      {3, 5, 5, 4, 3, 3, 1, 1},     {17, 3, 4, 33, 3, 3, 1, 1},
      {16, 14, 14, 16, 5, 5, 2, 2},  {5, 7, 28, 19, 5, 5, 2, 2},   {2, 4, 31, 40, 3, 3, 1, 1},
      {9, 6, 2, 7, 5, 5, 2, 2},      {4, 2, 3, 3, 7, 7, 3, 3},     {3, 3, 29, 5, 1, 9, 0, 4},
      {6, 1, 17, 18, 3, 11, 2, 10},  {20, 9, 8, 16, 4, 2, 0, 1},   {1, 12, 13, 2, 3, 5, 4, 7},
      {8, 5, 6, 8, 2, 3, 5, 6},      {33, 4, 5, 1, 3, 3, -1, 1},   {2, 8, 9, 17, 3, 2, -2, -1},
      {7, 10, 15, 6, 3, 3, 0, 0},    {32, 2, 16, 31, 1, 1, 0, 0},  {3, 6, 40, 35, 3, 13, 1, 6},
      {16, 3, 6, 48, 3, 3, 1, 1},    {12, 4, 1, 10, 3, 3, 1, 1},   {1, 28, 28, 32, 5, 5, 2, 2},
      {32, 14, 14, 64, 5, 5, 2, 2},  {3, 16, 32, 32, 3, 3, 1, 1},  {64, 16, 16, 64, 3, 3, 1, 1}};
  std::vector<Problem> problems = {conv_problem("fwd", 0, shapes[1])};
  for (const char* kernel : {"fwd", "bwd_d", "bwd_w", "fwd_plain", "bwd_w_plain", "bwd_b", "layout"})
    for (const ConvShape& s : shapes)
      problems.push_back(conv_problem(kernel, s.C * s.H * s.W * s.K > 20000 ? 1 : 3, s));
  return problems;
}

/// The layers of known networks.
std::vector<Problem> bench_problems() {
  const ConvShape first = {1, 28, 28, 32, 5, 5, 2, 2};
  const ConvShape shapes[] = {{32, 14, 14, 64, 5, 5, 2, 2}, {32, 32, 32, 32, 3, 3, 1, 1}, {64, 16, 16, 64, 3, 3, 1, 1}};
  std::vector<Problem> problems = {conv_problem("fwd_plain", 50, first), conv_problem("bwd_w_plain", 50, first)};
  for (const char* kernel : {"fwd", "bwd_d", "bwd_w", "bwd_b", "flip", "to_blocked", "from_blocked"})
    for (const ConvShape& s : shapes) problems.push_back(conv_problem(kernel, 50, s));
  return problems;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  using namespace nncore::check;
  return check_main("conv_check", argc, argv, [](const auto&) { return all_problems(); },
                    [](const auto& kernels, const Problem& p) { return check(kernels, p); },
                    [](const auto&) { return bench_problems(); },
                    [](const auto& kernels, const Problem& p) { bench(kernels, p); });
}
