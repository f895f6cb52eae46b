#include <cmath>

#include "losses/reduction.hpp"
#include "nncore/loss.hpp"

namespace nncore {
namespace {

/// The rate is exp(z), or z itself: l = rate - y log rate, dl/dz = exp(z) - y or 1 - y / (z + eps). What is left out,
/// log y!, does not depend on z; `full` adds Stirling's approximation of it where y > 1.
template <class T>
class PoissonNLLLoss final : public Loss<T> {
 public:
  explicit PoissonNLLLoss(const Args& args)
      : log_input_(args.get<bool>("log_input")),
        full_(args.get<bool>("full")),
        eps_(args.get<double>("eps")),
        mean_(takes_mean(args)) {}

  bool sums() const override { return !mean_; }

  void check(const Shape& z, const Target<T>& y) const override {
    check_values(kWhere, z, y);
    for (int64_t i = 0; i < z.size(); ++i) {
      if (y.values[i] < 0) {
        throw ConfigError(expected(kWhere, "y", "counts, numbers >= 0", to_string(Value(double(y.values[i])))));
      }
    }
  }

  double value_and_gradient(View<const T> z, const Target<T>& y, T* dz) override {
    return weighted(y, z.shape, mean_, dz, [&](int64_t first, int64_t last, double factor) {
      double sum = 0;
      for (int64_t i = first; i < last; ++i) {
        const auto x = static_cast<double>(z.data[i]), count = static_cast<double>(y.values[i]);
        const double rate = log_input_ ? std::exp(x) : x;
        sum += rate - count * (log_input_ ? x : std::log(x + eps_)) + (full_ ? stirling(count) : 0.0);
        if (dz != nullptr) dz[i] = static_cast<T>(factor * (log_input_ ? rate - count : 1.0 - count / (x + eps_)));
      }
      return sum;
    });
  }

 private:
  static constexpr const char* kWhere = "[PoissonNLLLoss]";

  static double stirling(double y) {
    constexpr double kTwoPi = 6.283185307179586477;
    return y > 1 ? y * std::log(y) - y + 0.5 * std::log(kTwoPi * y) : 0.0;
  }

  bool log_input_, full_;
  double eps_;
  bool mean_;
};

const auto registered_PoissonNLLLoss =
    loss<PoissonNLLLoss>("PoissonNLLLoss")
        .summary("Negative log-likelihood of counts under a Poisson distribution, whose rate the outputs give.")
        .formula("log_input:  L = sum (exp(z) - y z) / n,  n the number of elements\n"
                 "else:       L = sum (z - y log(z + eps)) / n\n"
                 "full adds   y log y - y + log(2 pi y) / 2  where y > 1")
        .field("log_input", true, rule::boolean(), "whether outputs are the logarithm of the rate; else its value, > 0")
        .field("full", false, rule::boolean(), "whether Stirling's approximation of log y! is added")
        .field("eps", 1e-8, rule::non_negative(), "keeps the logarithm of a rate finite")
        .also(add_reduction)
        .shapes("z (N, *), y like z, or (N,) for z (N, 1), of numbers >= 0 -> a number and dz (N, *)")
        .notes("With log_input predict gives logarithms, as the net does: the rates are np.exp(net.predict(X)). "
               "Without it the net should end in what is positive, Softplus say.")
        .source("Nelder, Wedderburn, Generalized Linear Models, 1972; as in PyTorch")
        .doctest(">>> nc.PoissonNLLLoss()(np.array([[0.0]]), np.array([[3.0]]))\n"
                 "(1.0, array([[-2.]]))")
        .example({}, {3})
        .example({{"full", true}}, {1})
        .example({{"log_input", false}, {"eps", 0.5}}, {2})
        .example({{"full", true}, {"reduction", "sum"}}, {2, 2})
        .trait("counts");

}  // namespace
}  // namespace nncore
