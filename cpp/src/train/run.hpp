/// Run: what one fit works on; a step by hand is a run of one batch.
#pragma once

#include "nncore/trainer.hpp"
#include "train/ticker.hpp"

namespace nncore {

template <class T>
struct Trainer<T>::Run {
  const Dataset<T>& data;
  int64_t batch, steps_per_epoch;
  int64_t last_epoch = 0, steps_left = INT64_MAX;
  bool accuracy = false, shuffled = false;
  int64_t first_step = 0;  ///< the number of the step that takes the first batch
  bool stop = false, touched = false;
  Ticker ticker{};
  Monitor<T>* monitor = nullptr;  ///< null: no observations
};

}  // namespace nncore
