/// The Trainer's options and counters as schemas: checked, documented and saved like the arguments of a layer.
#pragma once

#include <map>
#include <string>

#include "nncore/schema.hpp"
#include "nncore/trainer.hpp"

namespace nncore {

/// From the checked arguments of the schema "Trainer" of kind "trainer". None of an argument is 0 in TrainerOptions.
TrainerOptions trainer_options(const Args& args);

/// The counters by name, and back from the checked arguments of the schema "Trainer" of kind "progress".
std::map<std::string, Value> to_values(const TrainerState& state);
TrainerState trainer_state(const Args& args);

}  // namespace nncore
