#include "nncore/view.hpp"

#include "nncore/error.hpp"

namespace nncore {

Shape::Shape(std::initializer_list<int64_t> extents) : Shape(extents.begin(), static_cast<int64_t>(extents.size())) {}

Shape::Shape(const int64_t* extents, int64_t rank) {
  if (rank > kMaxRank) throw ShapeError("an array of " + std::to_string(rank) + " dimensions; at most 8 are supported");
  constexpr int64_t kLimit = int64_t{1} << 62;
  rank_ = static_cast<int>(rank);
  int64_t span = 1;  // of the extents that are not 0: products of some of them must not overflow either
  for (int i = 0; i < rank_; ++i) {
    const int64_t n = extents[i];
    if (n < 0) throw ShapeError("a negative extent, " + std::to_string(n));
    if (n > 0 && span > kLimit / n) throw ShapeError("a shape with more than 2^62 elements");
    span *= n > 0 ? n : 1;
    extents_[static_cast<std::size_t>(i)] = n;
    size_ *= n;
  }
}

bool Shape::operator==(const Shape& other) const {
  if (rank_ != other.rank_) return false;
  for (int i = 0; i < rank_; ++i)
    if ((*this)[i] != other[i]) return false;
  return true;
}

Shape Shape::with_batch(int64_t N) const {
  std::array<int64_t, kMaxRank + 1> extents{N};
  for (int i = 0; i < rank_; ++i) extents[static_cast<std::size_t>(i) + 1] = (*this)[i];
  return Shape(extents.data(), rank_ + 1);
}

Shape Shape::sample() const { return Shape(extents_.data() + 1, rank_ - 1); }

Shape Shape::rows() const { return Shape(extents_.data(), rank_ - 1); }

Shape Shape::with_last(int64_t C) const {
  std::array<int64_t, kMaxRank> extents = extents_;
  extents[static_cast<std::size_t>(rank_ - 1)] = C;
  return Shape(extents.data(), rank_);
}

std::string Shape::str() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) text += (i > 0 ? ", " : "") + std::to_string((*this)[i]);
  return text + (rank_ == 1 ? ",)" : ")");
}

std::string Shape::str_with_batch(const char* N) const {
  std::string text = std::string("(") + N;
  for (int i = 0; i < rank_; ++i) text += ", " + std::to_string((*this)[i]);
  return text + (rank_ == 0 ? ",)" : ")");
}

void round_to_float(int64_t n, const double* from, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(from[i]);
}

}  // namespace nncore
