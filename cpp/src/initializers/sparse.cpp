#include <algorithm>
#include <cmath>
#include <vector>

#include "nncore/initializer.hpp"

namespace nncore {
namespace {

class Sparse final : public Initializer {
 public:
  explicit Sparse(const Args& args) : sparsity_(args.get<double>("sparsity")), std_(args.get<double>("std")) {}

  void fill(const Shape& shape, const Fan&, const Stream& stream, double* out) const override {
    const int64_t n = shape.size(), rows = shape.rank() > 0 ? shape[0] : 1, columns = rows > 0 ? n / rows : 0;
    for (int64_t i = 0; i < n; ++i) out[i] = std_ * stream.normal(static_cast<uint64_t>(i));
    const auto zeros = static_cast<std::ptrdiff_t>(std::ceil(sparsity_ * static_cast<double>(rows)));
    std::vector<std::pair<double, int64_t>> lots(static_cast<std::size_t>(rows));
    // The rows that drew the smallest lots; beyond 2 n no other number is drawn.
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t r = 0; r < rows; ++r) {
        lots[static_cast<std::size_t>(r)] = {stream.uniform(static_cast<uint64_t>(2 * n + c * rows + r)), r};
      }
      std::partial_sort(lots.begin(), lots.begin() + zeros, lots.end());
      for (auto lot = lots.begin(); lot != lots.begin() + zeros; ++lot) out[lot->second * columns + c] = 0.0;
    }
  }

 private:
  double sparsity_, std_;
};

const auto registered_Sparse =
    initializer<Sparse>("sparse")
        .summary("Normal numbers, and in every column the same number of zeros, in random rows.")
        .formula("w ~ N(0, std^2), then ceil(sparsity rows) elements of each column are 0")
        .required("sparsity", rule::in_closed(0.0, 1.0), "share of each column that is 0")
        .field("std", 0.01, rule::non_negative(), "standard deviation of the others")
        .notes("Weights of more than two dimensions are flattened to (shape[0], the rest).")
        .source("Martens, Deep learning via Hessian-free optimization, 2010, section 5")
        .example({{"sparsity", 0.5}})
        .example({{"sparsity", 0.1}, {"std", 1.0}});

}  // namespace
}  // namespace nncore
