/// How a model's outputs are read as labels, by predict and by the accuracy.
#pragma once

#include <string>

#include "nncore/loss.hpp"
#include "nncore/model.hpp"

namespace nncore {

/// What the numbers of a model's last layer are, as the trait `outputs` of its schema says.
enum class Outputs { raw, probabilities, log_probabilities, unknown };

/// Layers that hand numbers on unchanged are looked through, as those that do so in inference alone are unless
/// `training`; what is written in Python is unknown.
template <class T>
Outputs outputs_of(const Model<T>& model, bool training = false);
const char* outputs_name(Outputs outputs);

struct Reading {
  enum class Kind {
    values,   ///< no labels
    largest,  ///< the index of the largest output of a sample
    border    ///< each output a yes or no
  };
  Kind kind = Kind::values;
  double border = 0;  ///< outputs from it on are a yes
  double yes = 0.5;   ///< targets above it are a yes
  int64_t ignored = INT64_MIN;  ///< the label of samples that do not count
};

/// With `required`, also for a loss of values, whose targets have to be classes then: one-hot rows, 0 and 1, or for one
/// output -1 and 1. Of kind `values` where targets are none.
template <class T>
Reading reading_of(const Loss<T>& loss, Outputs outputs, const Shape& z, const Target<T>& y, bool required);

/// All that says what outputs mean: as classes, whether or not the loss has them, and as probabilities.
struct Interpretation {
  Link link = Link::identity;
  Outputs outputs = Outputs::raw;
  Reading classes;  ///< of kind values where the targets are no classes
};

/// How many samples were classified right, of how many that have a class, each by its weight; counted is 0 where the
/// loss has none.
struct Score {
  double correct = 0, counted = 0;
  void add(bool right, double weight) {
    counted += weight;
    if (right) correct += weight;
  }
  double accuracy() const { return correct / counted; }  ///< NaN of none
};

/// Adds the rows of z to the score; labels that are no class (ignored ones) do not count. `with_nan`: there may be NaN
/// in z, and a sample that has one is not right.
template <class T>
void add_score(const Reading& reading, View<const T> z, const Target<T>& y, Score& score, bool with_nan = false);

}  // namespace nncore
