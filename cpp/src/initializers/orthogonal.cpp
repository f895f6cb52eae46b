#include <cmath>
#include <utility>
#include <vector>

#include "nncore/initializer.hpp"

namespace nncore {
namespace {

/// A column-major matrix, so that a reflection runs along contiguous columns.
struct Columns {
  int64_t n, m;
  std::vector<double> data;
  double* operator[](int64_t j) { return data.data() + j * n; }
};

double dot_from(int64_t from, int64_t n, const double* x, const double* y) {
  double sum = 0;
  for (int64_t i = from; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

/// The Q of A = QR with a positive diagonal in R, n >= m, by Householder reflections H = I - 2 v v^T / v^T v. An own
/// QR, so that no LAPACK is needed and the weights are the same bits everywhere.
void orthonormalize(Columns& a) {
  const int64_t n = a.n, m = a.m;
  std::vector<double> sign(static_cast<std::size_t>(m)), v_norm2(static_cast<std::size_t>(m));
  const auto reflect = [&](int64_t j, double* x) {
    const double* v = a[j];
    const double scale = 2.0 * dot_from(j, n, v, x) / v_norm2[static_cast<std::size_t>(j)];
    for (int64_t i = j; i < n; ++i) x[i] -= scale * v[i];
  };
  for (int64_t j = 0; j < m; ++j) {  // column j becomes the vector v of its reflection
    double* v = a[j];
    const double norm = std::sqrt(dot_from(j, n, v, v));
    sign[static_cast<std::size_t>(j)] = v[j] > 0 ? -1.0 : 1.0;  // of R's diagonal: away from v, against cancellation
    v[j] += v[j] > 0 ? norm : -norm;
    const double norm2 = dot_from(j, n, v, v);
    v_norm2[static_cast<std::size_t>(j)] = norm2 > 0 ? norm2 : 1.0;
    for (int64_t k = j + 1; k < m; ++k) reflect(j, a[k]);
  }
  Columns q{n, m, std::vector<double>(static_cast<std::size_t>(n * m))};
  for (int64_t k = 0; k < m; ++k) {  // Q e_k = H_0 … H_{m-1} e_k
    q[k][k] = sign[static_cast<std::size_t>(k)];
    for (int64_t j = m; j-- > 0;) reflect(j, q[k]);
  }
  a = std::move(q);
}

class Orthogonal final : public Initializer {
 public:
  explicit Orthogonal(const Args& args) : gain_(args.get<double>("gain")) {}

  void fill(const Shape& shape, const Fan&, const Stream& stream, double* out) const override {
    const int64_t rows = shape.rank() > 0 ? shape[0] : 1, columns = rows > 0 ? shape.size() / rows : 0;
    const bool wide = rows < columns;  // then the rows are orthonormal: work on the transpose
    Columns a{wide ? columns : rows, wide ? rows : columns, {}};
    a.data.resize(static_cast<std::size_t>(shape.size()));
    for (int64_t i = 0; i < shape.size(); ++i) {
      a.data[static_cast<std::size_t>(i)] = stream.normal(static_cast<uint64_t>(i));
    }
    orthonormalize(a);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) out[r * columns + c] = gain_ * (wide ? a[r][c] : a[c][r]);
  }

 private:
  double gain_;
};

const auto registered_Orthogonal =
    initializer<Orthogonal>("orthogonal")
        .summary("A random matrix with orthonormal rows or columns, whichever are fewer.")
        .formula("w = gain Q,  A = QR,  A ~ N(0, 1),  diag(R) > 0")
        .field("gain", 1.0, rule::positive(), "factor")
        .notes("Weights of more than two dimensions are flattened to (shape[0], the rest).")
        .source("Saxe, McClelland, Ganguli, Exact solutions to the nonlinear dynamics of learning "
                "in deep linear neural networks, 2014")
        .example({})
        .example({{"gain", 2.0}});

}  // namespace
}  // namespace nncore
