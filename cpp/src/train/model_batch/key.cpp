/// Which trainers may be one ModelBatch.
#include <algorithm>
#include <set>
#include <typeinfo>

#include "kernels/table.hpp"
#include "nncore/error.hpp"
#include "train/model_batch/model_batch.hpp"

namespace nncore {
namespace {

std::string text_of(const Spec& spec) {
  std::string text = spec.name;
  for (const auto& [name, value] : spec.args.all()) text.append(" ").append(name).append("=").append(to_string(value));
  return text;
}

/// Layers and how they follow one another: Linear layers that fit, each with at most one activation that has the trait;
/// no layer twice. Empty: any other net.
template <class T>
std::string net_key(Model<T>& model) {
  if (!model.is_chain()) return "";
  std::string text;
  std::set<const LayerHandle*> seen;
  int64_t weights = 0, outputs = 0;
  bool after_linear = false;
  for (std::size_t i = 0; i < model.n_nodes(); ++i) {
    const LayerHandle& handle = *model.node(i).handle;
    if (handle.spec.user_defined || !seen.insert(&handle).second) return "";
    if (const Affine affine = model.layer(i).affine()) {
      if (outputs != 0 && outputs != affine.K) return "";
      outputs = affine.C;
      weights += (affine.K + 1) * affine.C;
      text.append("Linear ").append(std::to_string(affine.K)).append(" ").append(std::to_string(affine.C));
      text.append(affine.bias ? " bias; " : "; ");
      after_linear = true;
    } else {
      if (!after_linear || find_schema("layer", handle.spec.name).traits.count("model_batch") == 0) return "";
      text.append(text_of(handle.spec)).append("; ");
      after_linear = false;
    }
  }
  return weights <= ModelBatch<T>::kMaxWeights ? text : "";
}

template <class T>
std::string input_key(const Model<T>& model) {
  if (!model.input()) return "";
  const auto list = [](const std::vector<double>& numbers) { return to_string(Value(numbers)); };
  std::string text = "Normalize ";
  return text.append(list(model.input()->exact_mean)).append(list(model.input()->exact_inverse_std)).append("; ");
}

/// All arguments but those that every lane has for itself.
template <class T>
std::string optimizer_key(const Optimizer<T>& optimizer) {
  const std::vector<std::string> own = optimizer.per_model_arguments();
  const auto is_own = [&](const std::string& name) { return std::find(own.begin(), own.end(), name) != own.end(); };
  std::string text = typeid(optimizer).name();
  text.append(" ").append(std::to_string(optimizer.n_states()));
  for (const auto& [name, value] : optimizer.arguments().all()) {
    if (is_own(name)) continue;
    text.append(" ").append(name).append("=").append(to_string(name == "lr" ? Value(optimizer.rate()) : value));
  }
  return text.append("; ");
}

}  // namespace

template <class T>
std::optional<std::string> ModelBatch<T>::key(Trainer<T>& trainer, int64_t samples) {
  const TrainerView<T> view = trainer.view();
  const TrainerOptions& options = view.options;
  const GradientOptions& gradient = options.gradient;
  const TrainerState& state = view.state;
  const int64_t batch = options.batch_of(samples);
  const bool is_new = state.epoch == 0 && state.cursor.step == 0 && state.manual_steps == 0 && view.optimizer.t() == 0;
  const bool plain = options.on_nonfinite == OnNonfinite::raise && gradient.clip_norm == 0 &&
                     gradient.clip_value == 0 && !gradient.penalty_per_sample && !options.augmentation;
  const BatchedLoss<T> loss = view.loss.batched();
  if (batch <= 1 || batch > kMaxSamples || !is_new || !plain || loss.kernel == nullptr) return std::nullopt;
  if (!view.optimizer.schedule().constant() || view.model.n_frozen() > 0) return std::nullopt;
  if (view.optimizer.user_defined()) return std::nullopt;
  const std::string net = net_key(view.model);
  if (net.empty()) return std::nullopt;
  std::string text = net;
  text.append(input_key(view.model)).append(optimizer_key(view.optimizer)).append(typeid(view.loss).name());
  for (const int64_t fact : {int64_t{loss.labels}, int64_t{loss.mean}, options.batch_size, int64_t{options.shuffle},
                             int64_t{options.drop_last}, int64_t{gradient.l1 > 0 || gradient.l2 > 0}}) {
    text.append(" ").append(std::to_string(fact));
  }
  return text;
}

/// Of a model that has a key.
template <class T>
std::vector<typename ModelBatch<T>::Stage> ModelBatch<T>::stages_of(Model<T>& model) {
  std::vector<Stage> stages;
  int64_t first = 0;
  for (std::size_t i = 0; i < model.n_nodes(); ++i) {
    if (const Affine affine = model.layer(i).affine()) {
      const int64_t columns = affine.K + (affine.bias ? 1 : 0);
      stages.push_back({affine.K, affine.C, columns, {}, first});
      first += affine.C * columns;
    } else {
      stages.back().after = model.layer(i).elementwise();
    }
  }
  return stages;
}

template std::optional<std::string> ModelBatch<float>::key(Trainer<float>&, int64_t);
template std::optional<std::string> ModelBatch<double>::key(Trainer<double>&, int64_t);
template std::vector<ModelBatch<float>::Stage> ModelBatch<float>::stages_of(Model<float>&);
template std::vector<ModelBatch<double>::Stage> ModelBatch<double>::stages_of(Model<double>&);

}  // namespace nncore
