"""What the numbers and pictures of a report mean, and what is usual: one line for each."""

from __future__ import annotations

from collections.abc import Iterable

from nncore.train._metrics import quantity

_SPLITS = {
    "val_": "on the validation data after each epoch",
    "test_": "on the test data after each epoch; to be looked at once, at the end, and not to choose by",
    "": "on the training data during the epoch, each step before its update; evaluate gives another number",
}

_NUMBERS = {
    "accuracy": "share of samples that are classified right; guessing gives 1/C for C equally frequent classes",
    "balanced_accuracy": "mean over the classes of the share that is found; guessing gives 1/C for C classes",
    "top5": "share of samples whose label is among the five largest outputs",
    "f1": "harmonic mean of precision and recall: 1 is perfect, and a class that is never found gives 0",
    "precision": "share of the samples said to be of a class that are; 1 is perfect",
    "recall": "share of the samples of a class that are found; 1 is perfect",
    "auc": "chance that a sample of the class has a larger score than another one: 0.5 for guesses, 1 is perfect",
    "log_loss": "mean of -log p of the right class; guessing gives ln C: 0.69 for 2 classes, 2.30 for 10",
    "mse": "mean squared error, in the square of the target's unit",
    "mae": "mean absolute error, in the target's unit",
    "r2": "coefficient of determination: 1 is exact, 0 is as good as the mean of the targets, below 0 is worse",
    "perplexity": "e to the loss: as unsure as among so many equally likely choices",
    "lr": "size of the steps; usual are 0.01 to 0.5 for SGD, 1e-4 to 1e-2 for Adam",
    "grad_norm": "norm of all gradients together; usual is a slow fall, and sudden peaks ask for clipping",
}

_LOSS = {
    "": "mean over the epoch's steps, each before its update, with penalties; usual is a fall that levels off",
    "val_": (
        "on the validation data after each epoch, without penalties; usual is a little above the training loss, and a "
        "rise while that falls is overfitting"
    ),
    "test_": f"{_SPLITS['test_']}, without penalties",
}

_PICTURES = {
    "Loss": (
        "Usual is a fast fall that levels off. Validation that rises while training falls: overfitting (more "
        "data, l2, Dropout, EarlyStopping). Both stay high: a larger net, or another learning rate. Jumps: a "
        "smaller one. The pale line is single steps."
    ),
    "Metric": (
        "Training against validation: the gap is what was learned by heart. A small one is usual; one that grows "
        "from epoch to epoch is overfitting."
    ),
    "Activations": (
        "What the units of a layer put out, over the steps: the mean, one standard deviation around it, and the "
        "extremes. Usual are spreads of the same size in all layers; a spread that shrinks towards 0 from layer "
        "to layer, or grows without end, comes from the first weights or too large a learning rate."
    ),
    "Weights": (
        "How the weights of a layer are distributed, over the steps: the darker, the more of them. Usual is a "
        "slow widening; a jump is a step that was too large, a band that stays as it began is a layer that hardly "
        "learns."
    ),
    "Gradients": (
        "The norm of the gradient of each layer's weights, from the input to the output. Usual are norms within a "
        "factor of about ten; a fall of decades towards the input is a vanishing gradient, a rise an exploding "
        "one."
    ),
    "Updates": (
        "How far a step moves the weights: the norm of the update by the norm of the values. Usual is about 1e-3, "
        "the dotted line; above 1e-2 training is unsteady, below 1e-4 it is slow: change the learning rate."
    ),
    "Units that do not learn": (
        "Dead: 0 for {batch}, so that no gradient passes; other samples may wake such a unit, and the smaller the "
        "batch, the more seem dead. Saturated: so near to an end of Tanh or Sigmoid that hardly any gradient "
        "passes. Usual is a share below about a half that does not grow; near 1 the layer has stopped learning: a "
        "smaller learning rate, LeakyReLU, other first weights."
    ),
    "Confusion": (
        "Rows are the true classes, columns the predicted ones; numbers are samples, and what is off the diagonal "
        "is wrong. Usual are a few pairs of classes that have most of the errors."
    ),
    "Decision boundary": (
        "The class that the net predicts at each point, the stronger the colour the surer; points are the data. "
        "Usual is a border that follows the data without islands around single points, which are learned by "
        "heart."
    ),
    "Filters of the first convolution": (
        "Red weights are positive, blue ones negative, on one scale; of three channels as colours. Usual after "
        "training are edges and blobs; noise without a shape says that the filters have hardly learned."
    ),
    "Predictions": (
        "Each point is a sample; a perfect model has all of them on the diagonal. Usual is a cloud along it; a "
        "tilt says that large values are underestimated, R² is the share of the variance that is explained."
    ),
    "Residuals": (
        "What is left over, truth minus prediction. Usual is a band around 0 of even width; a bend says that the "
        "model is too simple, a funnel that errors grow with the value."
    ),
    "Fit over the input": (
        "The prediction as a curve over the data. Usual is a smooth curve through the middle of them."
    ),
}

HISTORY = (
    "first, best and last are those of the epochs; µs is the time of one step, from the data to the new parameters."
)
GUESSES = "guessing gives a cross-entropy of ln C: 0.69 for 2 classes, 2.30 for 10"
MODEL = (
    "N is the number of samples in a batch. Usual are at most a few parameters for each training sample; with far more "
    "a net can learn the samples by heart: watch the validation."
)


def of_picture(about: str, batch: str) -> str:
    """The line below a picture; `batch`: what a monitor has seen, such as "all 16 samples of a batch"."""
    return _PICTURES.get(about.removesuffix(", held-out data"), "").format(batch=batch)


def of_numbers(columns: Iterable[str]) -> list[tuple[str, str]]:
    """(column, what it means and what is usual) for the columns of a history."""
    found = {column: _of_number(column) for column in columns}
    if "loss" in found and "accuracy" in found:
        found["loss"] += f"; {GUESSES}"
    return list(found.items())


def _of_number(column: str) -> str:
    name = quantity(column)
    prefix = column.removesuffix(name)
    if name == "loss":
        return _LOSS[prefix]
    if name in ("lr", "grad_norm"):
        return _NUMBERS[name]
    return f"{_NUMBERS.get(name, 'a metric of your own')}; {_SPLITS[prefix]}"
