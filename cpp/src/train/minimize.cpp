#include "nncore/minimize.hpp"

#include "nncore/error.hpp"
#include "train/ticker.hpp"

namespace nncore {
namespace {

bool all_finite(const std::vector<double>& x) {
  for (const double v : x)
    if (!std::isfinite(v)) return false;
  return true;
}

double largest(const std::vector<double>& x) {
  double most = 0;
  for (const double v : x) most = std::fmax(most, std::fabs(v));
  return most;
}

class Recorder {
 public:
  Recorder(Minimum& result, const MinimizeOptions& options, std::size_t dimension)
      : result_(result), every_(options.record_every) {
    if (every_ == 0) return;
    const auto rows = static_cast<std::size_t>(options.steps / every_ + 2);
    result_.path.reserve(rows * dimension);
    result_.values.reserve(rows);
  }
  void add(int64_t step, const std::vector<double>& x, double f) {
    if (every_ == 0 || step % every_ != 0) return;
    last_ = step;
    result_.path.insert(result_.path.end(), x.begin(), x.end());
    result_.values.push_back(f);
  }
  /// The end is always there. Rows are `every` steps apart, but for the last.
  void close(int64_t step, const std::vector<double>& x, double f) {
    if (every_ == 0) return;
    if (last_ != step) {
      result_.path.insert(result_.path.end(), x.begin(), x.end());
      result_.values.push_back(f);
    }
    for (std::size_t i = 0; i < result_.values.size(); ++i) result_.rows.push_back(static_cast<int64_t>(i) * every_);
    result_.rows.back() = step;
  }

 private:
  Minimum& result_;
  int64_t every_, last_ = -1;
};

template <class F>
Minimum run(const F& function, std::vector<double> x, Optimizer<double>& optimizer, const MinimizeOptions& options,
            const Poll& poll) {
  const auto n = static_cast<int64_t>(x.size());
  Parameter<double> parameter{"x", Shape{n}, Role::weight, {}, nullptr, nullptr, nullptr};
  optimizer.attach({&parameter});
  double* slots[Optimizer<double>::kMaxSlots] = {};
  for (int k = 0; k < optimizer.n_slots(); ++k) slots[k] = optimizer.slot(0, k);
  std::vector<double> g(x.size()), next = x;
  Minimum result;
  Recorder recorder(result, options, x.size());
  Ticker ticker;
  double f = function(x, g);
  for (int64_t step = 0;; ++step) {
    result.steps = step;
    recorder.add(step, x, f);
    if (largest(g) <= options.tolerance) {
      result.status = MinimizeStatus::tolerance;
      break;
    }
    if (step == options.steps) break;
    if (ticker.due() && poll()) {
      result.status = MinimizeStatus::interrupted;
      break;
    }
    optimizer.update(optimizer.begin_step(), n, next.data(), g.data(), slots);
    if (!all_finite(next)) {  // x stays the last finite point
      result.status = MinimizeStatus::diverged;
      result.steps = step + 1;
      break;
    }
    x = next;
    f = function(x, g);
  }
  recorder.close(result.steps - (result.status == MinimizeStatus::diverged ? 1 : 0), x, f);
  result.x = std::move(x);
  result.fun = f;
  return result;
}

}  // namespace

Minimum minimize(const Objective& objective, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll) {
  objective.check(static_cast<int64_t>(x.size()));
  const auto function = [&](const std::vector<double>& at, std::vector<double>& g) {
    return objective.value_and_gradient(at, g);
  };
  return run(function, std::move(x), optimizer, options, poll);
}

Minimum minimize(const Function& function, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll) {
  return run(function, std::move(x), optimizer, options, poll);
}

}  // namespace nncore
