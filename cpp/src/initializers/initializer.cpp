#include "nncore/initializer.hpp"

#include <map>

#include "core/factories.hpp"
#include "core/make_rule.hpp"

namespace nncore {
namespace {

/// The short names stand for the uniform scheme, and for biases that start at zero.
const std::map<std::string, std::string>& short_names() {
  static const std::map<std::string, std::string> names{{"xavier", "xavier_uniform"}, {"kaiming", "kaiming_uniform"}};
  return names;
}

std::string full_name(const std::string& name) {
  const auto found = short_names().find(name);
  return found == short_names().end() ? name : found->second;
}

}  // namespace

template void add_factory(const char*, Factory<Initializer>);
template std::unique_ptr<Initializer> make(const Spec&);

bool is_initializer(const std::string& name) { return schemas().count({"initializer", full_name(name)}) > 0; }

std::shared_ptr<const Spec> initializer_spec(const std::string& name, const std::map<std::string, Value>& args) {
  const Schema& schema = find_schema("initializer", full_name(name));
  return std::make_shared<const Spec>(Spec{"initializer", schema.name, bind_arguments(schema, args)});
}

WeightAndBias weight_and_bias(const Args& args) {
  const auto or_else = [](const Value& given, std::shared_ptr<const Spec> fallback) {
    if (const auto* spec = std::get_if<std::shared_ptr<const Spec>>(&given)) return *spec;
    if (const auto* name = std::get_if<std::string>(&given)) return initializer_spec(*name);
    return fallback;
  };
  const auto standard = initializer_spec("fan_in_uniform");
  const auto* name = std::get_if<std::string>(&args.at("weight_init"));
  const bool zero_bias = name != nullptr && short_names().count(*name) > 0;
  return {or_else(args.at("weight_init"), standard),
          or_else(args.at("bias_init"), zero_bias ? initializer_spec("zeros") : standard)};
}

Rule rule::initializer() {
  return make_rule("an initialiser of nncore.init, the name of one, or a function (shape, rng) -> array",
                   "str | Initializer | Callable[[tuple[int, ...], Generator], ArrayLike] | None",
                   [](const Value& v) -> std::optional<Value> {
                     if (std::holds_alternative<std::monostate>(v)) return v;
                     const auto* given = std::get_if<std::shared_ptr<const Spec>>(&v);
                     if (given != nullptr) {
                       return (*given)->kind == "initializer" ? std::optional<Value>(v) : std::nullopt;
                     }
                     const auto* name = std::get_if<std::string>(&v);
                     return name != nullptr && is_initializer(*name) ? std::optional<Value>(v) : std::nullopt;
                   });
}

}  // namespace nncore
