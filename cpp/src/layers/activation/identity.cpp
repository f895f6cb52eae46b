#include <algorithm>

#include "nncore/layer.hpp"

namespace nncore {
namespace {

/// y = x; dx = dy.
template <class T>
class Identity final : public ElementwiseLayer<T> {
 public:
  explicit Identity(const Args&) {}
  Elementwise<T> function() const override { return {copy, pass_on, nullptr}; }

 private:
  static void copy(int64_t n, const T*, const T* x, T* y) {
    if (x != y) std::copy_n(x, n, y);
  }
  static void pass_on(int64_t n, const T*, const T*, const T* dy, T* dx) {
    if (dy != dx) std::copy_n(dy, n, dx);
  }
};

const auto registered_Identity =
    layer<Identity>("Identity")
        .summary("Passes its input on unchanged.")
        .formula("y = x")
        .shapes("(N, *) -> (N, *)")
        .doctest(">>> nc.Identity()(np.array([[1.0, 2.0]]))\narray([[1., 2.]])")
        .example({}, {3})
        .example({}, {2, 5, 7})
        .trait("activation", "identity")
        .trait("same_numbers");

}  // namespace
}  // namespace nncore
