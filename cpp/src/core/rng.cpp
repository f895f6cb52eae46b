#include "nncore/rng.hpp"

#include <cmath>
#include <numeric>
#include <utility>

namespace nncore {
namespace {

/// FNV-1a: spreads stream names over 64 bits.
uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

/// The finaliser of SplitMix64: every bit of the input changes half of the output's.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

Stream::Stream(uint64_t seed, std::string_view name, uint32_t epoch, uint32_t step) : epoch_(epoch), step_(step) {
  const uint64_t key = mix(mix(seed + 0x9e3779b97f4a7c15u) ^ hash(name));
  key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}

std::array<uint32_t, 4> Stream::block(uint64_t index) const {
  std::array<uint32_t, 4> c{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), step_, epoch_};
  uint32_t k0 = key_[0], k1 = key_[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0], p1 = uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

uint64_t Stream::word64(uint64_t i) const {
  const auto words = block(i / 2);
  const std::size_t at = (i % 2) * 2;
  return uint64_t{words[at]} << 32 | words[at + 1];
}

double Stream::uniform(uint64_t i) const { return static_cast<double>(word64(i) >> 11) * 0x1p-53; }

double Stream::normal(uint64_t i) const {
  constexpr double kTwoPi = 6.283185307179586476925;
  const uint64_t pair = i / 2;
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(2 * pair)));  // 1 - u is never 0
  const double angle = kTwoPi * uniform(2 * pair + 1);
  return radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

namespace {

/// The words of a stream one after the other, four from each block; a few blocks at a time, because a block is one long
/// chain of multiplications and several chains overlap.
class Words {
 public:
  explicit Words(const Stream& stream) : stream_(stream) {}
  uint32_t next() {
    if (at_ == 4 * kBlocks) {
      for (auto& block : blocks_) block = stream_.block(index_++);
      at_ = 0;
    }
    const std::size_t at = at_++;
    return blocks_[at / 4][at % 4];
  }
  /// An integer below n without bias (Lemire, Fast Random Integer Generation in an Interval, 2019).
  uint32_t below(uint32_t n) {
    uint64_t product = uint64_t{next()} * n;
    if (static_cast<uint32_t>(product) < n) {
      const uint32_t threshold = (0u - n) % n;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{next()} * n;
    }
    return static_cast<uint32_t>(product >> 32);
  }

 private:
  static constexpr std::size_t kBlocks = 4;
  const Stream& stream_;
  std::array<std::array<uint32_t, 4>, kBlocks> blocks_{};
  std::size_t at_ = 4 * kBlocks;
  uint64_t index_ = 0;
};

}  // namespace

void shuffle(const Stream& stream, int64_t n, int64_t* indices) {
  std::iota(indices, indices + n, int64_t{0});
  Words words(stream);
  for (int64_t i = n - 1; i > 0; --i) std::swap(indices[i], indices[words.below(static_cast<uint32_t>(i) + 1)]);
}

}  // namespace nncore
