#include "train/trainer_schema.hpp"

#include "core/make_rule.hpp"
#include "nncore/registry.hpp"

namespace nncore {
namespace {

constexpr int64_t kMaxIndex = 0xffffffff, kMaxCount = int64_t{1} << 62;  // random streams count in 32 bits

/// [crop_padding, flip] of an Augment.
Rule augmentation() {
  return rule::make_rule("an Augment or None", "Augment | None",
                         [pair = rule::pair(0, int64_t{1} << 20)](const Value& v) -> std::optional<Value> {
                           return std::holds_alternative<std::monostate>(v) ? std::optional<Value>(v) : pair.accept(v);
                         });
}

/// A sum of losses or rates, which may be infinite or NaN.
Rule sum() {
  return rule::make_rule("a number", "float", [](const Value& v) -> std::optional<Value> {
    return std::holds_alternative<double>(v) ? std::optional<Value>(v) : std::nullopt;
  });
}

const auto registered_options =
    Registration("trainer", "Trainer")
        .summary("Trains a model: the whole epoch loop runs in C++ without the interpreter's lock.")
        .keyword("batch_size", int64_t{32}, rule::optional(rule::integer(1, kMaxCount)),
                 "samples a step; None or anything >= N is full batch")
        .keyword("shuffle", true, rule::boolean(), "a new order each epoch")
        .keyword("seed", uint64_t{0}, rule::seed(), "of the order and of Dropout")
        .keyword("l2", 0.0, rule::non_negative(), "adds l2/2 sum W^2 to the loss, of weights, not of biases")
        .keyword("l1", 0.0, rule::non_negative(), "adds l1 sum |W| to the loss, of weights, not of biases")
        .keyword("clip_grad_norm", Value(), rule::optional(rule::positive()), "bound on the norm of all gradients")
        .keyword("clip_grad_value", Value(), rule::optional(rule::positive()), "bound on each element's size")
        .keyword("drop_last", false, rule::boolean(), "leave out a last batch that is shorter")
        .keyword("on_nonfinite", "raise", rule::one_of({"raise", "stop", "ignore"}),
                 "what follows a loss, gradient or parameter that is not finite")
        .keyword("num_threads", Value(), rule::optional(rule::integer(1, 256)), "None: as many as nncore uses")
        .keyword("penalty_per_sample", false, rule::boolean(),
                 "divides l2 and l1 by the samples of the batch, or by the sum of their weights")
        .keyword("augment", Value(), augmentation(), "how images are moved before the model trains on them");

const auto registered_progress =
    Registration("progress", "Trainer")
        .summary("What a Trainer keeps from one call to the next, beside model, optimizer and history.")
        .required("epoch", rule::integer(0, kMaxIndex), "epochs done")
        .required("hand_steps", rule::integer(0, kMaxIndex), "calls of step() since the last epoch: manual_steps")
        .required("samples", rule::integer(0, kMaxCount), "of the data that the epoch under way goes through")
        .required("step", rule::integer(0, kMaxIndex), "steps done of the epoch under way")
        .required("seen", rule::non_negative(), "samples of these steps, or the sum of their weights")
        .required("correct", rule::non_negative(), "of them classified right")
        .required("counted", rule::non_negative(), "of them with a class")
        .required("loss_sum", sum(), "each step's loss times its samples, or the sum of their weights")
        .required("rate", sum(), "at the epoch's start")
        .required("seconds", sum(), "spent on it");

}  // namespace

TrainerOptions trainer_options(const Args& args) {
  const auto or_zero = [&]<class V>(const char* name, V zero) { return args.is_none(name) ? zero : args.get<V>(name); };
  const auto policy = args.get<std::string>("on_nonfinite");
  TrainerOptions options;
  options.batch_size = or_zero("batch_size", int64_t{0});
  options.shuffle = args.get<bool>("shuffle");
  options.seed = args.get<uint64_t>("seed");
  options.drop_last = args.get<bool>("drop_last");
  options.on_nonfinite = policy == "raise"  ? OnNonfinite::raise
                         : policy == "stop" ? OnNonfinite::stop
                                            : OnNonfinite::ignore;
  options.num_threads = static_cast<int>(or_zero("num_threads", int64_t{0}));
  options.gradient = {args.get<double>("l1"), args.get<double>("l2"), or_zero("clip_grad_norm", 0.0),
                      or_zero("clip_grad_value", 0.0), options.on_nonfinite != OnNonfinite::ignore,
                      args.get<bool>("penalty_per_sample")};
  if (!args.is_none("augment")) {
    const auto pair = args.get<std::vector<int64_t>>("augment");
    options.augmentation = {pair[0], pair[1] != 0};
  }
  return options;
}

std::map<std::string, Value> to_values(const TrainerState& state) {
  const Cursor& cursor = state.cursor;
  return {{"epoch", state.epoch},          {"hand_steps", int64_t{state.manual_steps}},
          {"samples", cursor.samples},     {"step", cursor.step},
          {"seen", cursor.seen},           {"correct", cursor.score.correct},
          {"counted", cursor.score.counted}, {"loss_sum", cursor.loss_sum},
          {"rate", cursor.rate},           {"seconds", cursor.seconds}};
}

TrainerState trainer_state(const Args& args) {
  const auto count = [&](const char* name) { return args.get<int64_t>(name); };
  const auto number = [&](const char* name) { return args.get<double>(name); };
  return {count("epoch"),
          {count("samples"), count("step"), number("loss_sum"), number("seen"), {number("correct"), number("counted")},
           number("rate"), number("seconds")},
          static_cast<uint32_t>(count("hand_steps"))};
}

}  // namespace nncore
