/// Counter-based random numbers: Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011).
/// A number depends on (seed, stream name, epoch, step, element) and on nothing else: not on threads, not on order.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nncore {

class Stream {
 public:
  Stream(uint64_t seed, std::string_view name, uint32_t epoch = 0, uint32_t step = 0);

  /// The four 32-bit words of block `index`.
  std::array<uint32_t, 4> block(uint64_t index) const;
  /// Element i as a number in [0, 1) with 53 random bits.
  double uniform(uint64_t i) const;
  /// Element i of a standard normal sequence (Box, Muller, 1958).
  double normal(uint64_t i) const;
  uint32_t word(uint64_t i) const { return block(i / 4)[i % 4]; }
  uint64_t word64(uint64_t i) const;
  const std::array<uint32_t, 2>& key() const { return key_; }

 private:
  std::array<uint32_t, 2> key_;
  uint32_t epoch_, step_;
};

/// The identity permutation of n < 2^32 indices shuffled by Fisher and Yates' method.
void shuffle(const Stream& stream, int64_t n, int64_t* indices);

}  // namespace nncore
