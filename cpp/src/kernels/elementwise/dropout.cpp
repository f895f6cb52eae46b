/// Dropout: Philox4x32-10 (see nncore/rng.hpp) for as many blocks at once as 64-bit lanes, one word for each element.
#include "kernels/elementwise/dropout.hpp"
#include "kernels/groups.hpp"
#include "kernels/simd/each_register.hpp"
#include "kernels/simd/transpose.hpp"

namespace nncore::NNCORE_ISA {
namespace dropout {
namespace {

using Words = IntVec<double>;  // a 32-bit word in the low half of each lane; the high half is ignored

/// Low half times low half.
NNCORE_INLINE Words product(Words a, Words b) { return {Ops<double>::multiply_words(a.v, b.v)}; }

/// Words 0 … 3 of the blocks index, index + 1, …, a block in each lane.
NNCORE_INLINE void philox(const RandomWords& random, uint64_t index, Words (&c)[4]) {
  const auto broadcast = [](uint64_t x) { return Words::broadcast(static_cast<int64_t>(x)); };
  Words::N counter{};
  for (int i = 0; i < Vec<double>::lanes; ++i) counter[i] = index + static_cast<uint64_t>(i);
  c[0] = {counter}, c[1] = c[0].shift_right<32>(), c[2] = broadcast(random.step), c[3] = broadcast(random.epoch);
  uint32_t k0 = random.key[0], k1 = random.key[1];
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const Words p0 = product(broadcast(0xD2511F53u), c[0]), p1 = product(broadcast(0xCD9E8D57u), c[2]);
    c[0] = p1.shift_right<32>() ^ c[1] ^ broadcast(k0), c[1] = p1;
    c[2] = p0.shift_right<32>() ^ c[3] ^ broadcast(k1), c[3] = p0;
  }
}

NNCORE_INLINE Pair<double> zip(Words a, Words b) { return zip(as_float<double>(a), as_float<double>(b)); }

/// Registers of T that the words of one batch fill, one word a lane, in the order of their elements.
template <class T>
constexpr int kBatch = sizeof(T) == 4 ? 2 : 4;

NNCORE_INLINE void in_order(const Words (&c)[4], IntVec<float> (&w)[2]) {
  const Words low = Words::broadcast(0xffffffff);
  const Pair<double> both = zip((c[0] & low) | c[1].shift_left<32>(), (c[2] & low) | c[3].shift_left<32>());
  w[0] = {(IntVec<float>::N)both.first.v}, w[1] = {(IntVec<float>::N)both.second.v};
}
NNCORE_INLINE void in_order(const Words (&c)[4], Words (&w)[4]) {
  const Words low = Words::broadcast(0xffffffff);
  const Pair<double> even = zip(c[0] & low, c[2] & low), odd = zip(c[1] & low, c[3] & low);
  const Pair<double> first = zip(even.first, odd.first), second = zip(even.second, odd.second);
  w[0] = as_bits(first.first), w[1] = as_bits(first.second);
  w[2] = as_bits(second.first), w[3] = as_bits(second.second);
}

/// scale x where the word is not below `least`, else 0.
template <class T>
NNCORE_INLINE Vec<T> kept(IntVec<T> word, IntVec<T> least, Vec<T> x) {
  using N = typename IntVec<T>::N;
  return as_float<T>(IntVec<T>{as_bits(x).v & (N)(word.v >= least.v)});
}

template <class T>
void apply(int64_t first, int64_t n, const RandomWords& random, uint32_t least, T scale, const T* x, T* y) {
  constexpr int64_t L = Vec<T>::lanes, batch = kBatch<T> * L;
  const IntVec<T> bound = IntVec<T>::broadcast(static_cast<typename IntVec<T>::Scalar>(least));
  const Vec<T> factor = Vec<T>::broadcast(scale);
  // i counts from `first`; a batch of words begins with a block
  for (int64_t i = -(first % 4); i < n; i += batch) {
    Words c[4];
    IntVec<T> words[kBatch<T>];
    philox(random, static_cast<uint64_t>(first + i) / 4, c);
    in_order(c, words);
    if (i >= 0 && i + batch <= n) {
#pragma GCC unroll 4
      for (int r = 0; r < kBatch<T>; ++r) {
        kept(words[r], bound, Vec<T>::load(x + i + r * L) * factor).store(y + i + r * L);
      }
      continue;
    }
    typename Format<T>::Unsigned word[batch];
    __builtin_memcpy(word, words, sizeof word);
    for (int64_t j = i < 0 ? -i : 0; j < batch && i + j < n; ++j) y[i + j] = word[j] >= least ? x[i + j] * scale : T(0);
  }
}


template <class T>
constexpr DropoutKernels<T> table() {
  return {
      .apply = apply<T>,
  };
}

}  // namespace
}  // namespace dropout

constinit const DropoutKernels<float> kDropoutF32 = dropout::table<float>();
constinit const DropoutKernels<double> kDropoutF64 = dropout::table<double>();

}  // namespace nncore::NNCORE_ISA
