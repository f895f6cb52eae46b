/// The metrics of classification beside the accuracy: f1, precision, recall, balanced_accuracy, auc and log_loss, with
/// scikit-learn's values.
#pragma once

#include <optional>
#include <string>

#include "nncore/metric.hpp"

namespace nncore {

/// Nothing for other names.
template <class T>
std::optional<Metric<T>> class_metric(const std::string& name);

/// Throws the ConfigError of a metric whose targets or outputs are of another kind.
[[noreturn]] void refuse_metric(const std::string& name, const std::string& wanted, const std::string& got);

}  // namespace nncore
