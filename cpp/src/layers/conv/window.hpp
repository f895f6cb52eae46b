/// Windows that slide over images: what convolutions and poolings share.
#pragma once

#include <array>
#include <string>

#include "nncore/error.hpp"
#include "nncore/schema.hpp"
#include "nncore/view.hpp"

namespace nncore {

/// The largest kernel, stride, padding or dilation: products of two of them fit an int64.
constexpr int64_t kMaxWindow = int64_t{1} << 30;

/// Rows and columns of an argument that is one integer for both or one for each.
inline std::array<int64_t, 2> rows_and_columns(const Value& given) {
  if (const auto* one = std::get_if<int64_t>(&given)) return {*one, *one};
  const auto& both = std::get<std::vector<int64_t>>(given);
  return {both[0], both[1]};
}

/// How a window slides along one axis.
struct Window {
  int64_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;  ///< before, after: the padding

  /// From a window's first element to its last.
  int64_t span() const { return dilation * (kernel - 1) + 1; }
  /// How many windows fit, 0 for none; with `ceil` one that hangs over, too, unless it starts in the padding behind.
  int64_t count(int64_t in, bool ceil = false) const {
    const int64_t room = in + before + after - span();
    if (room < 0) return 0;
    int64_t n = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (n - 1) * stride >= in + before) --n;
    return n;
  }
};

/// What to say of a sample that is no image of C channels; C = 0: of any.
inline std::string image_hint(const Shape& in, int64_t C) {
  if (in.rank() == 1) return "x.reshape(N, C, H, W)";
  if (in.rank() == 2) return "add the axis that is missing: x[:, None] for one channel, x[None] for a batch of one";
  if (in.rank() == 3 && in[0] != C && in[2] == C) return "channels come first: x.transpose(0, 3, 1, 2)";
  return "";
}

/// "5 x 3", as an error shows it.
inline std::string pair_text(int64_t rows, int64_t columns) {
  return std::to_string(rows).append(" x ").append(std::to_string(columns));
}

}  // namespace nncore
