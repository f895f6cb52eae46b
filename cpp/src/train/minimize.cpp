#include "nncore/minimize.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include "nncore/buffer.hpp"
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

/// Writes the rows of the way where the result has them.
class Recorder {
 public:
  Recorder(Way& way, const MinimizeOptions& options, std::size_t dimension)
      : way_(way), every_(options.record_every), dimension_(static_cast<int64_t>(dimension)) {
    if (every_ != 0) way.reserve(options.steps / every_ + 1 + (options.steps % every_ != 0 ? 1 : 0), dimension);
  }
  void add(int64_t step, const std::vector<double>& x, double f) {
    if (every_ != 0 && step % every_ == 0) write(step, x, f);
  }
  /// The end is always there. Rows are `every` steps apart, but for the last.
  void close(int64_t step, const std::vector<double>& x, double f) {
    if (every_ == 0) return;
    if (way_.rows == 0 || last_ != step) write(step, x, f);
    for (int64_t i = 0; i < way_.rows; ++i) way_.steps[i] = i * every_;
    way_.steps[way_.rows - 1] = step;
  }
  /// Tells a stretch that begins with the point after `step` steps where its rows go.
  void lend(int64_t step, Stretch& stretch) const {
    if (every_ == 0) return;
    stretch.every = every_;
    stretch.until = (every_ - step % every_) % every_;
    stretch.path = way_.path + way_.rows * dimension_;
    stretch.values = way_.values + way_.rows;
  }
  void take_back(const Stretch& stretch) {
    if (every_ == 0) return;
    way_.rows = stretch.values - way_.values;
    last_ = (way_.rows - 1) * every_;
  }

 private:
  void write(int64_t step, const std::vector<double>& x, double f) {
    std::copy(x.begin(), x.end(), way_.path + way_.rows * dimension_);
    way_.values[way_.rows++] = f;
    last_ = step;
  }

  Way& way_;
  int64_t every_, dimension_, last_ = -1;
};

/// Steps of a rule and an objective that are compiled as one loop. Only with a constant rate: a schedule may be the
/// user's function, to be asked at each step and no other.
class Ahead {
 public:
  Ahead(const Objective* objective, Optimizer<double>& optimizer, const MinimizeOptions& options)
      : objective_(optimizer.schedule().constant() ? objective : nullptr),
        optimizer_(optimizer),
        rule_(optimizer.scalar_rule()),
        options_(options) {}

  /// As many as it can up to some, from x after `step` steps. What ends a descent is left to the caller.
  int64_t go(int64_t step, std::vector<double>& x, double* const* slots, Recorder& recorder) {
    if (objective_ == nullptr || rule_.kind == ScalarRule::Kind::none) return 0;
    Stretch stretch;
    stretch.tolerance = options_.tolerance;
    stretch.x = x.data();
    stretch.slot0 = slots[0];
    stretch.slot1 = slots[1];
    recorder.lend(step, stretch);
    const int64_t most = std::min(options_.steps - step, kMost);
    int64_t done = 0;
    for (int64_t taken = 1; taken > 0 && done < most; done += taken) {
      const int64_t t = optimizer_.t();
      stretch.steps = prepare(stretch) ? most - done : 1;
      taken = objective_->descend(rule_, stretch);
      optimizer_.set_t(t + taken);
    }
    recorder.take_back(stretch);
    return done;
  }

 private:
  static constexpr int64_t kMost = 512;  // some microseconds: Ctrl-C is noticed between two stretches

  /// The constants of the next step; true when they are those of all that follow, because both corrections have come
  /// to 1. They depend on no step before, so the CPU works on them while it waits for the last one.
  bool prepare(Stretch& stretch) {
    const StepConstants c = optimizer_.begin_step();
    const bool inside = rule_.kind == ScalarRule::Kind::adam_eps_inside;
    stretch.rate = c.rate / c.correction1;
    stretch.correction = 1 / (inside ? c.correction2 : std::sqrt(c.correction2));
    return c.correction1 == 1.0 && c.correction2 == 1.0;
  }

  const Objective* objective_;
  Optimizer<double>& optimizer_;
  const ScalarRule rule_;
  const MinimizeOptions& options_;
};

/// objective: the one behind `function` if it may have compiled loops, else null.
template <class F>
Minimum run(const F& function, const Objective* objective, std::vector<double> x, Optimizer<double>& optimizer,
            const MinimizeOptions& options, const Poll& poll) {
  const auto n = static_cast<int64_t>(x.size());
  Parameter<double> parameter{"x", Shape{n}, Role::weight, {}, nullptr, nullptr, nullptr};
  optimizer.attach({&parameter});
  double* slots[Optimizer<double>::kMaxSlots] = {};
  for (int k = 0; k < optimizer.n_slots(); ++k) slots[k] = optimizer.slot(0, k);
  std::vector<double> g(x.size()), next = x;
  Minimum result;
  Recorder recorder(result.way, options, x.size());
  Ahead ahead(objective, optimizer, options);
  Ticker ticker;
  double f = function(x, g);
  for (int64_t step = 0;;) {
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
    ++step;
    if (const int64_t more = ahead.go(step, x, slots, recorder)) step += more, next = x;
    f = function(x, g);
  }
  recorder.close(result.steps - (result.status == MinimizeStatus::diverged ? 1 : 0), x, f);
  result.x = std::move(x);
  result.fun = f;
  return result;
}

}  // namespace

void Way::reserve(int64_t count, std::size_t dimension) {
  const auto n = static_cast<std::size_t>(count);
  if (dimension > SIZE_MAX / 32 || n > SIZE_MAX / 16 / (dimension + 2)) throw std::bad_alloc();
  // In one piece: memory never used before costs more than the steps, and malloc keeps one such piece for the next call.
  memory.reset(allocate_lines(n * (dimension + 2) * sizeof(double)));
  capacity = count;
  path = static_cast<double*>(memory.get());
  values = path + n * dimension;
  steps = reinterpret_cast<int64_t*>(values + n);
}

Minimum minimize(const Objective& objective, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll) {
  objective.check(static_cast<int64_t>(x.size()));
  const auto function = [&](const std::vector<double>& at, std::vector<double>& g) {
    return objective.value_and_gradient(at, g);
  };
  return run(function, &objective, std::move(x), optimizer, options, poll);
}

Minimum minimize(const Function& function, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll) {
  return run(function, nullptr, std::move(x), optimizer, options, poll);
}

}  // namespace nncore
