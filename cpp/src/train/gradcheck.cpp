#include "nncore/gradcheck.hpp"

#include <algorithm>
#include <cmath>

#include "train/ticker.hpp"

namespace nncore {
namespace {

constexpr double kRight = 1e-6;  ///< larger errors are looked at again

/// f around one value v, by steps to both sides.
struct Differences {
  double above, below;  ///< slopes
  double rounding;      ///< what 8 units in the last place of f make of the slope

  template <class F>
  Differences(double& v, double step, double here, const F& value) {
    const double kept = v;
    v = kept + step;
    const double up = value();
    v = kept - step;
    const double down = value();
    v = kept;
    above = (up - here) / step;
    below = (here - down) / step;
    central_ = (up - down) / (2 * step);
    rounding = 8 * 0x1p-52 * std::fmax(std::fabs(up), std::fabs(down)) / (2 * step);
  }
  double central() const { return central_; }
  double gap() const { return std::fabs(above - below); }

 private:
  double central_;
};

/// |a - n| relative to the gradients or, where they are smaller, to 1e7 times the rounding of the quotient: a bias in
/// front of BatchNorm has gradient 0 and a quotient of roundings alone.
double relative_error(double a, double n, double rounding) {
  return std::fabs(a - n) / std::fmax(std::fmax(1e-8, 1e7 * rounding), std::fabs(a) + std::fabs(n));
}

/// Is the difference from the analytic gradient `a` that of a kink, where slopes to both sides differ? At a kink they
/// still do after a hundredth of the step. Beside one, the smaller step does not cross it, and comes to `a`.
template <class F>
bool is_kink(double a, const Differences& wide, double& v, double eps, double here, const F& value) {
  if (!(wide.gap() > 1e-3 * (std::fabs(wide.above) + std::fabs(wide.below)) + 10 * wide.rounding)) return false;
  const Differences narrow(v, eps / 100, here, value);
  const double noise = 10 * narrow.rounding;
  if (narrow.gap() > 0.5 * wide.gap() && wide.gap() > noise) return true;
  return std::fabs(a - narrow.central()) < 0.1 * std::fabs(a - wide.central()) + noise;
}

/// (f(v + eps) - f(v - eps)) / 2 eps for each of n values v, against the analytic gradient; `here` is f.
template <class F>
GradientError compare(std::string name, int64_t n, double* values, const std::vector<double>& analytic, double eps,
                      double here, const F& value, Ticker& ticker, const std::function<bool()>& poll) {
  GradientError error{std::move(name), -1, 0, 0, 0, 0};
  for (int64_t i = 0; i < n; ++i) {
    const Differences found(values[i], eps, here, value);
    const double a = analytic[static_cast<std::size_t>(i)], numeric = found.central();
    const double relative = relative_error(a, numeric, found.rounding);
    if (relative > kRight && is_kink(a, found, values[i], eps, here, value)) {
      ++error.kinks;
    } else if (!(relative <= error.max_relative_error) && !std::isnan(error.max_relative_error)) {
      error = {error.name, relative, i, a, numeric, error.kinks};
    }
    if (ticker.due()) poll();
  }
  if (error.max_relative_error < 0) error.max_relative_error = 0;  // no number but kinks
  return error;
}

}  // namespace

std::vector<GradientError> gradcheck(Model<double>& model, Loss<double>& loss, View<double> x, const Target<double>& given,
                                     double eps, uint64_t seed, bool inputs, const std::function<bool()>& poll) {
  const Pass pass{true, false, seed, 0, 0};
  Buffer<double> dz;
  model.zero_grad();
  const View<const double> z = model.forward(x, pass);
  const Target<double> y = like_outputs(loss, z.shape, given);
  loss.check(z.shape, y);
  loss.value_and_gradient(z, y, dz.reserve(z.size()));
  const View<double> dx = model.backward({dz.data(), z.shape});
  const auto value = [&] { return loss.value_and_gradient(model.forward(x, pass), y, nullptr); };

  std::vector<std::vector<double>> analytic;
  for (const Parameter<double>* p : model.parameters()) analytic.emplace_back(p->grad, p->grad + p->shape.size());
  const std::vector<double> analytic_x(dx.data, dx.data + dx.size());
  model.zero_grad();

  const double here = value();
  Ticker ticker;
  std::vector<GradientError> errors;
  for (std::size_t i = 0; i < analytic.size(); ++i) {
    const Parameter<double>* p = model.parameters()[i];
    errors.push_back(
        compare(model.parameter_names()[i], p->shape.size(), p->value, analytic[i], eps, here, value, ticker, poll));
  }
  if (inputs) errors.push_back(compare("x", x.size(), x.data, analytic_x, eps, here, value, ticker, poll));
  return errors;
}

}  // namespace nncore
