#include "nncore/minimize.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include "nncore/buffer.hpp"
#include "nncore/error.hpp"
#include "objectives/update_rule.hpp"
#include "train/ticker.hpp"

namespace nncore {
namespace {

bool all_finite(const std::vector<double>& x) {
  for (const double v : x)
    if (!std::isfinite(v)) return false;
  return true;
}

double max_abs(const std::vector<double>& x) {
  double result = 0;
  for (const double v : x) result = std::fmax(result, std::fabs(v));
  return result;
}

/// Writes the records of the trajectory into the result.
class Recorder {
 public:
  Recorder(Trajectory& trajectory, const MinimizeOptions& options, std::size_t dimension)
      : trajectory_(trajectory), every_(options.record_every), dimension_(static_cast<int64_t>(dimension)) {
    if (every_ != 0) trajectory.reserve(options.steps / every_ + 1 + (options.steps % every_ != 0 ? 1 : 0), dimension);
  }
  void add(int64_t step, const std::vector<double>& x, double f) {
    if (every_ != 0 && step % every_ == 0) write(step, x, f);
  }
  /// Adds the end, if it is not there yet. Records are `every` steps apart, but for the last.
  void close(int64_t step, const std::vector<double>& x, double f) {
    if (every_ == 0) return;
    if (trajectory_.records == 0 || last_ != step) write(step, x, f);
    for (int64_t i = 0; i < trajectory_.records; ++i) trajectory_.steps[i] = i * every_;
    trajectory_.steps[trajectory_.records - 1] = step;
  }
  /// Lets a run that begins with the point after `step` steps write its records itself, until `end`.
  void begin(int64_t step, StepRun& run) const {
    if (every_ == 0) return;
    run.record_every = every_;
    run.until_record = (every_ - step % every_) % every_;
    run.path = trajectory_.path + trajectory_.records * dimension_;
    run.values = trajectory_.values + trajectory_.records;
  }
  void end(const StepRun& run) {
    if (every_ == 0) return;
    trajectory_.records = run.values - trajectory_.values;
    last_ = (trajectory_.records - 1) * every_;
  }

 private:
  void write(int64_t step, const std::vector<double>& x, double f) {
    std::copy(x.begin(), x.end(), trajectory_.path + trajectory_.records * dimension_);
    trajectory_.values[trajectory_.records++] = f;
    last_ = step;
  }

  Trajectory& trajectory_;
  int64_t every_, dimension_, last_ = -1;
};

/// Steps of a rule and an objective that are compiled as one loop. Only with a constant rate: a schedule may be a
/// Python function, which has to be called exactly once a step.
class CompiledSteps {
 public:
  CompiledSteps(const Objective* objective, Optimizer<double>& optimizer, const MinimizeOptions& options)
      : objective_(optimizer.schedule().constant() ? objective : nullptr),
        optimizer_(optimizer),
        rule_(optimizer.update_rule()),
        options_(options) {}

  /// Takes up to kMaxSteps from x after `step` steps and returns how many; it stops before a step that would end the
  /// descent (tolerance, not finite), which the caller takes.
  int64_t take(int64_t step, std::vector<double>& x, double* const* state, Recorder& recorder) {
    if (objective_ == nullptr || rule_.kind == UpdateRule::Kind::none) return 0;
    StepRun run;
    run.tolerance = options_.tolerance;
    run.x = x.data();
    run.state0 = state[0];
    run.state1 = state[1];
    recorder.begin(step, run);
    const int64_t max_steps = std::min(options_.steps - step, kMaxSteps);
    int64_t done = 0;
    for (int64_t taken = 1; taken > 0 && done < max_steps; done += taken) {
      const int64_t t = optimizer_.t();
      run.steps = prepare(run) ? max_steps - done : 1;
      taken = objective_->descend(rule_, run);
      optimizer_.set_t(t + taken);
    }
    recorder.end(run);
    return done;
  }

 private:
  static constexpr int64_t kMaxSteps = 512;  // some microseconds: Ctrl-C is polled between two runs

  /// Sets the constants of the next step; true when all that follow have the same, because both corrections have
  /// reached 1. They depend on no earlier step, so the CPU computes them while it waits for the last one.
  bool prepare(StepRun& run) {
    const StepConstants c = optimizer_.begin_step();
    const bool inside = rule_.kind == UpdateRule::Kind::adam_eps_inside;
    run.rate = c.rate / c.correction1;
    run.correction = 1 / (inside ? c.correction2 : std::sqrt(c.correction2));
    return c.correction1 == 1.0 && c.correction2 == 1.0;
  }

  const Objective* objective_;
  Optimizer<double>& optimizer_;
  const UpdateRule rule_;
  const MinimizeOptions& options_;
};

/// objective: that of `function` if it may have compiled loops, else null.
template <class F>
Minimum run(const F& function, const Objective* objective, std::vector<double> x, Optimizer<double>& optimizer,
            const MinimizeOptions& options, const Poll& poll) {
  const auto n = static_cast<int64_t>(x.size());
  Parameter<double> parameter{"x", Shape{n}, Role::weight, {}, nullptr, nullptr, nullptr};
  optimizer.attach({&parameter});
  double* state[Optimizer<double>::kMaxStates] = {};
  for (int k = 0; k < optimizer.n_states(); ++k) state[k] = optimizer.state(0, k);
  std::vector<double> g(x.size()), next = x;
  Minimum result;
  Recorder recorder(result.trajectory, options, x.size());
  CompiledSteps compiled(objective, optimizer, options);
  Ticker ticker;
  double f = function(x, g);
  for (int64_t step = 0;;) {
    result.steps = step;
    recorder.add(step, x, f);
    if (max_abs(g) <= options.tolerance) {
      result.status = MinimizeStatus::tolerance;
      break;
    }
    if (step == options.steps) break;
    if (ticker.due() && poll()) {
      result.status = MinimizeStatus::interrupted;
      break;
    }
    if (optimizer.user_defined()) {
      parameter.value = next.data();
      parameter.grad = g.data();
      optimizer.step({&parameter});
    } else {
      optimizer.update(optimizer.begin_step(), n, next.data(), g.data(), state);
    }
    if (!all_finite(next)) {  // x stays the last finite point
      result.status = MinimizeStatus::diverged;
      result.steps = step + 1;
      break;
    }
    x = next;
    ++step;
    if (const int64_t more = compiled.take(step, x, state, recorder)) step += more, next = x;
    f = function(x, g);
  }
  recorder.close(result.steps - (result.status == MinimizeStatus::diverged ? 1 : 0), x, f);
  result.x = std::move(x);
  result.fun = f;
  return result;
}

}  // namespace

void Trajectory::reserve(int64_t count, std::size_t dimension) {
  const auto n = static_cast<std::size_t>(count);
  if (dimension > SIZE_MAX / 32 || n > SIZE_MAX / 16 / (dimension + 2)) throw std::bad_alloc();
  // One allocation: touching fresh pages costs more than the steps, and malloc keeps one such block for the next call.
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

Minimum minimize(const ObjectiveFunction& function, std::vector<double> x, Optimizer<double>& optimizer,
                 const MinimizeOptions& options, const Poll& poll) {
  return run(function, nullptr, std::move(x), optimizer, options, poll);
}

}  // namespace nncore
