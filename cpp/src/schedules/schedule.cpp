#include "nncore/schedule.hpp"

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

void Schedule::set_state(const std::map<std::string, double>& state) {
  if (!state.empty()) throw ConfigError(expected("[Schedule]", "state", "none", state.begin()->first));
}

std::unique_ptr<Schedule> make_schedule(const Value& rate) {
  if (const auto* spec = std::get_if<std::shared_ptr<const Spec>>(&rate)) return make<Schedule>(**spec);
  return std::make_unique<Constant>(std::get<double>(rate));
}

}  // namespace nncore
