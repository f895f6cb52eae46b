/// Compares the convolutions with plain loops, looks for reads and writes out of bounds, and times them.
///
///   conv_check [--isa NAME] [PROBLEM...]           check (all problems); a failure prints the line that repeats it
///   conv_check [--isa NAME] --bench [PROBLEM...]   Gflop/s and fraction of the FMA probe run beside it
#include <algorithm>
#include <csignal>

#include "conv_problem.hpp"
#include "guarded.hpp"
#include "problems.hpp"
#include "timing.hpp"

namespace nncore::check {
namespace {

std::string current;  // the repro arguments of what runs now, for the handler of a fault

void on_fault(int) {
  std::fputs("FAIL access outside an array: conv_check ", stdout);
  std::puts(current.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

int fail(const char* what, int64_t at) {
  std::printf("FAIL %s at [%lld]: conv_check %s\n", what, static_cast<long long>(at), current.c_str());
  return 1;
}

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
    if (std::memcmp(&got[i], &expected[i], sizeof(T)) != 0) return fail("cutting changes the bits", i);
  return got.intact() && expected.intact() ? 0 : fail("write in front of the output", 0);
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
int compare_cuts(typename ConvKernels<T>::Forward forward, const ConvShape& s, int64_t b, int64_t N, const T* x,
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
int check_forward(const Kernels<T>& kernels, const ConvProblem& p, const ConvArrays<T>& a, bool with_bias) {
  const ConvShape& s = p.s;
  const int64_t b = kernels.lanes;
  const bool plain = p.kernel == "fwd_plain";
  Guarded<T> x(plain ? static_cast<int64_t>(a.x.size()) : blocked_size(b, p.images, s.C, s.H, s.W)), bias(s.K);
  Guarded<T> w(packed_size(s, b)), y(blocked_size(b, p.images, s.K, s.OH(), s.OW()));
  if (plain) std::copy(a.x.begin(), a.x.end(), x.data());
  else to_blocked(b, p.images, s.C, s.H, s.W, a.x.data(), std::numeric_limits<T>::quiet_NaN(), x.data());
  std::copy(a.bias.begin(), a.bias.end(), bias.data());
  pack(a, b, w.data());
  const auto forward = plain ? kernels.conv.conv_forward_plain : kernels.conv.conv_forward;
  const int64_t x_image = x.size() / std::max<int64_t>(p.images, 1);
  return compare_cuts<T>(forward, s, b, p.images, x.data(), x_image, w.data(), with_bias ? bias.data() : nullptr, y) +
         compare(y, b, p.images, s.K, s.OH(), s.OW(),
                 [&](int64_t n, int64_t k, int64_t h, int64_t v) { return a.y(n, k, h, v, with_bias); });
}

template <class T>
int check(const Set& set, const ConvProblem& p) {
  const Kernels<T>& kernels = set.kernels<T>();
  const ConvArrays<T> a(p.images, p.s);
  return check_forward(kernels, p, a, true) + check_forward(kernels, p, a, false);
}

/// Aligned numbers that live as long as the benchmark of one problem.
template <class T>
struct Aligned {
  std::vector<T> memory;
  explicit Aligned(int64_t size) : memory(static_cast<size_t>(size) + 64) {
    for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<T>(i % 13) - T(6);
  }
  T* get() { return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64); }
};

template <class T>
void bench(const Set& set, const ConvProblem& p) {
  const Kernels<T>& kernels = set.kernels<T>();
  const ConvShape& s = p.s;
  const int64_t b = kernels.lanes, N = p.images;
  Aligned<T> x(blocked_size(b, N, s.C, s.H, s.W)), y(blocked_size(b, N, s.K, s.OH(), s.OW()));
  Aligned<T> w(packed_size(s, b)), bias(s.K);
  const ConvRows rows = {N, 0, blocks_of(s.K, b), 0, s.OH()};
  const Timing t = time_beside_probe(kernels, operations(p), [&] {
    if (p.kernel == "fwd") kernels.conv.conv_forward(s, rows, x.get(), w.get(), bias.get(), y.get());
    else kernels.conv.conv_forward_plain(s, rows, x.get(), w.get(), bias.get(), y.get());
  });
  std::printf("%-8s %-42s %10.1f us %6.1f Gflop/s, of the probe: median %5.1f %%, best %5.1f %%\n", set.isa,
              p.text().c_str(), t.best * 1e6, operations(p) / t.best * 1e-9, 100 * t.median_fraction,
              100 * t.best_fraction);
}

const char* const kConvKernels[] = {"fwd", "fwd_plain"};

/// Sizes around every edge a tile, a block or a padding can have.
std::vector<ConvProblem> all_conv_problems() {
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
  std::vector<ConvProblem> problems;
  for (const char* kernel : kConvKernels)
    for (bool f64 : {false, true})
      for (const ConvShape& s : shapes) {
        const bool large = s.C * s.H * s.W * s.K > 20000;
        if (large && std::strstr(kernel, "plain") && s.C > 20) continue;
        problems.push_back({large ? 1 : 3, s, f64, kernel});
      }
  problems.push_back({0, shapes[1], false, "fwd"});
  return problems;
}

/// The layers of known networks.
std::vector<ConvProblem> bench_conv_problems() {
  const ConvShape first = {1, 28, 28, 32, 5, 5, 2, 2};
  const ConvShape shapes[] = {{32, 14, 14, 64, 5, 5, 2, 2}, {32, 32, 32, 32, 3, 3, 1, 1}, {64, 16, 16, 64, 3, 3, 1, 1}};
  std::vector<ConvProblem> problems;
  for (bool f64 : {false, true}) {
    for (const char* kernel : kConvKernels) {
      if (std::strstr(kernel, "plain")) problems.push_back({50, first, f64, kernel});
      else for (const ConvShape& s : shapes) problems.push_back({50, s, f64, kernel});
    }
  }
  return problems;
}

int run(const std::vector<std::string>& arguments) {
  bool timed = false;
  std::string isa;
  std::vector<ConvProblem> problems;
  for (size_t i = 0; i < arguments.size(); ++i) {
    ConvProblem p;
    if (arguments[i] == "--bench") timed = true;
    else if (arguments[i] == "--isa" && i + 1 < arguments.size()) isa = arguments[++i];
    else if (parse(arguments[i].c_str(), p) &&
             std::find(std::begin(kConvKernels), std::end(kConvKernels), p.kernel) != std::end(kConvKernels))
      problems.push_back(p);
    else return std::printf("not a problem: %s\n", arguments[i].c_str()), 2;
  }
  if (problems.empty()) problems = timed ? bench_conv_problems() : all_conv_problems();

  int failures = 0, runs = 0;
  for (const Set& set : usable_sets()) {
    if (!isa.empty() && isa != set.isa) continue;
    for (const ConvProblem& p : problems) {
      current = std::string("--isa ") + set.isa + " " + p.text();
      ++runs;
      if (timed) p.f64 ? bench<double>(set, p) : bench<float>(set, p);
      else failures += p.f64 ? check<double>(set, p) : check<float>(set, p);
    }
  }
  if (!timed) std::printf("%d problems, %d failures\n", runs, failures);
  return failures || runs == 0 ? 1 : 0;
}

}  // namespace
}  // namespace nncore::check

int main(int argc, char** argv) {
  std::signal(SIGSEGV, nncore::check::on_fault);
  std::signal(SIGBUS, nncore::check::on_fault);
  return nncore::check::run({argv + 1, argv + argc});
}
