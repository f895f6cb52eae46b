/// Shape and View: the array types of every interface of the core. A view is contiguous and row-major; its first extent
/// is the batch.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace nncore {

/// Up to kMaxRank non-negative extents whose product is known to fit an int64.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents);
  /// Throws ShapeError for a negative extent, more than kMaxRank of them or a product beyond 2^62.
  Shape(const int64_t* extents, int64_t rank);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  int64_t back() const { return extents_[static_cast<std::size_t>(rank_ - 1)]; }
  int64_t size() const { return size_; }  ///< the product; 1 for rank 0
  bool operator==(const Shape& other) const;

  Shape with_batch(int64_t N) const;  ///< (N, extents…)
  Shape sample() const;               ///< all but the first extent
  /// The first n of the first extent, which is at least n: cheap enough for every step.
  Shape first(int64_t n) const {
    Shape result = *this;
    result.extents_[0] = n;
    result.size_ = n * row_size();
    return result;
  }
  int64_t row_size() const { return extents_[0] == 0 ? 0 : size_ / extents_[0]; }  ///< elements in one of them
  Shape rows() const;                 ///< all but the last extent
  Shape with_last(int64_t C) const;   ///< the last extent replaced by C

  std::string str() const;                                ///< "(8, 1, 28, 28)"
  std::string str_with_batch(const char* N = "N") const;  ///< "(N, 1, 28, 28)"

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
  int64_t size_ = 1;
};

/// A pointer with a shape; it owns nothing. data == nullptr stands for "not wanted" where an interface says so.
template <class T>
struct View {
  T* data = nullptr;
  Shape shape;

  int64_t size() const { return shape.size(); }
  int64_t batch() const { return shape[0]; }
  operator View<const T>() const { return {data, shape}; }
};

/// Rounds n numbers; those too large for a float become infinite.
void round_to_float(int64_t n, const double* from, float* to);

}  // namespace nncore
