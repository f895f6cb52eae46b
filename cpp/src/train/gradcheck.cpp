#include "nncore/gradcheck.hpp"

#include <cmath>

#include "train/ticker.hpp"

namespace nncore {
namespace {

/// (f(v + eps) - f(v - eps)) / 2 eps for each of n values v, against the analytic gradient. The error is relative to
/// the gradients or, where they are smaller, to 1e7 times the rounding of the quotient: a bias in front of BatchNorm
/// has gradient 0 and a quotient of roundings alone.
template <class F>
GradientError compare(std::string name, int64_t n, double* values, const std::vector<double>& analytic, double eps,
                      const F& value, Ticker& ticker, const std::function<bool()>& poll) {
  GradientError error{std::move(name), -1, 0, 0, 0};
  for (int64_t i = 0; i < n; ++i) {
    const double kept = values[i];
    values[i] = kept + eps;
    const double above = value();
    values[i] = kept - eps;
    const double below = value();
    values[i] = kept;
    const double numeric = (above - below) / (2 * eps), a = analytic[static_cast<std::size_t>(i)];
    const double rounding = 8 * 0x1p-52 * std::fmax(std::fabs(above), std::fabs(below)) / (2 * eps);
    const double scale = std::fmax(std::fmax(1e-8, 1e7 * rounding), std::fabs(a) + std::fabs(numeric));
    const double relative = std::fabs(a - numeric) / scale;
    const bool worse = !(relative <= error.max_relative_error) && !std::isnan(error.max_relative_error);
    if (worse) error = {error.name, relative, i, a, numeric};
    if (ticker.due()) poll();
  }
  if (n == 0) error.max_relative_error = 0;
  return error;
}

}  // namespace

std::vector<GradientError> gradcheck(Model<double>& model, Loss<double>& loss, View<double> x, const Target<double>& y,
                                     double eps, uint64_t seed, const std::function<bool()>& poll) {
  const Pass pass{true, false, seed, 0, 0};
  Buffer<double> dz;
  model.zero_grad();
  const View<const double> z = model.forward(x, pass);
  loss.check(z.shape, y);
  loss.value_and_gradient(z, y, dz.reserve(z.size()));
  const View<double> dx = model.backward({dz.data(), z.shape});
  const auto value = [&] { return loss.value_and_gradient(model.forward(x, pass), y, nullptr); };

  std::vector<std::vector<double>> analytic;
  for (const Parameter<double>* p : model.parameters()) analytic.emplace_back(p->grad, p->grad + p->shape.size());
  const std::vector<double> analytic_x(dx.data, dx.data + dx.size());
  model.zero_grad();

  Ticker ticker;
  std::vector<GradientError> errors;
  for (std::size_t i = 0; i < analytic.size(); ++i) {
    const Parameter<double>* p = model.parameters()[i];
    errors.push_back(
        compare(model.parameter_names()[i], p->shape.size(), p->value, analytic[i], eps, value, ticker, poll));
  }
  errors.push_back(compare("x", x.size(), x.data, analytic_x, eps, value, ticker, poll));
  return errors;
}

}  // namespace nncore
