#include "nncore/schedule.hpp"

#include "core/factories.hpp"
#include "core/make_rule.hpp"
#include "nncore/error.hpp"

namespace nncore {
namespace {

class Constant final : public Schedule {
 public:
  explicit Constant(double rate) : Schedule(false), rate_(rate) {}
  double at(int64_t) const override { return rate_; }
  bool constant() const override { return true; }

 private:
  double rate_;
};

}  // namespace

template void add_factory(const char*, Factory<Schedule>);
template std::unique_ptr<Schedule> make(const Spec&);

void Schedule::set_state(const std::map<std::string, double>& state) {
  if (!state.empty()) throw ConfigError(expected("[Schedule]", "state", "none", state.begin()->first));
}

std::unique_ptr<Schedule> make_schedule(const Value& rate) {
  if (const auto* spec = std::get_if<std::shared_ptr<const Spec>>(&rate)) return make<Schedule>(**spec);
  return std::make_unique<Constant>(std::get<double>(rate));
}

Rule rule::schedule() {
  return make_rule("a schedule", "Schedule", [](const Value& v) -> std::optional<Value> {
    const auto* given = std::get_if<std::shared_ptr<const Spec>>(&v);
    return given != nullptr && (*given)->kind == "schedule" ? std::optional<Value>(v) : std::nullopt;
  });
}

Rule rule::rate() {
  return make_rule("a number > 0 or a schedule", "float | Schedule | Callable[[int], float]",
                   [number = positive(), schedule = schedule()](const Value& v) -> std::optional<Value> {
                     const auto accepted = number.accept(v);
                     return accepted ? accepted : schedule.accept(v);
                   });
}

}  // namespace nncore
