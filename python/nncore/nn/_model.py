"""Model: the common base of Sequential and Graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.checks import LARGEST_SEED, flag, integer
from nncore._support.labels import IGNORED, labels_of, without_labels
from nncore._support.tables import Names
from nncore.errors import ConfigError, StateError
from nncore.nn._files.save import ModelParts, arrays_of, save_model
from nncore.nn._initializer import restoring
from nncore.nn._layer import Layer, renewed
from nncore.nn._model_state import ModelState
from nncore.nn._normalize import set_columns
from nncore.nn._summary import Summary, html_of
from nncore.nn._symbol import Symbol, refuse_list


class Model(ModelState):
    """Base of Sequential and Graph: named layers, each with the indices of its input values."""

    # ---- Computing --------------------------------------------------------------------------------------------------

    def __call__(self, x: Any) -> Any:
        """Raw outputs for x (N, …) in inference: no dropout, nothing kept. For a symbol the output's in a Graph.

        Any number of threads may predict with one model at once. StateError while another thread trains or changes it.
        """
        if isinstance(x, (Symbol, list, tuple)):
            refuse_list(self._kind, x)
            if isinstance(x, Symbol):
                return self._part(x)
        if self._columns is not None:
            self._check_columns(self._kind, x)
        return self._core.forward(x, False, 0, 0)

    def _part(self, x: Symbol) -> Symbol:
        """The output's symbol for the input x: the layers as part of a Graph."""
        if self.input is not None:
            raise ConfigError(
                f"[{self._kind}] input: expected none in a part of a Graph, got {self.input!r} (give it to the Graph: "
                f"nc.Graph(x, y, input=part.input), and build the part without)"
            )
        values = [x]
        for layer, reads in zip(self, self._reads, strict=True):
            values.append(layer(*[values[value] for value in reads]))
        return values[-1]

    def forward(self, x: Any, training: bool = True, seed: int | None = None) -> Any:
        """Outputs for x (N, …). With training, what backward needs is kept.

        seed fixes the random numbers of Dropout; None: new ones at each call, the same in each run of a program
        when the model has a seed.
        """
        training = training is True or flag(self._kind, "training", training)
        if self._columns is not None:
            self._check_columns(self._kind, x)
        if seed is not None:
            return self._core.forward(x, training, integer(self._kind, "seed", seed, 0, LARGEST_SEED), 0)
        self._calls = calls = self._calls + 1
        return self._core.forward(x, training, self._seed, calls % 2**32)

    def backward(self, dy: Any) -> Any:
        """dx for the gradient dy of the last forward's outputs; adds to the parameters' gradients.

        Predictions in between leave what that forward kept. StateError without a forward(x, training=True), or when
        parameters have changed since: by a fit, a step, an assignment.
        """
        return self._core.backward(dy)

    def zero_grad(self) -> None:
        """Sets all gradients to zero."""
        self._core.zero_grad()

    def predict_proba(self, x: Any, *, allow_nan: bool = False) -> Any:
        """Probabilities (N, C), or (N, 1) for one output.

        The link is that of the last Trainer's loss, else softmax for two outputs or more and sigmoid for one. It is
        not applied again when the model ends in Softmax, LogSoftmax or Sigmoid. allow_nan: as in predict; the
        probabilities are what the layers make of such numbers.
        """
        self._check_columns("predict_proba", x)
        z, _ = self._core.outputs(x, "[predict_proba]", flag("predict_proba", "allow_nan", allow_nan))
        end = self._core.kind_of_outputs
        if end == "probabilities":
            return z
        link = self._link or ("softmax" if z.ndim == 2 and z.shape[1] > 1 else "sigmoid")
        if end == "log_probabilities":
            return np.exp(z)
        if link not in ("softmax", "log_softmax", "sigmoid"):
            raise StateError(
                f"[{self._kind}] predict_proba: the loss it was trained with ({link}) gives no probabilities"
            )
        return _core.apply(_core.Spec("layer", "Sigmoid" if link == "sigmoid" else "Softmax", {}), z)

    def predict(self, x: Any, *, allow_nan: bool = False) -> Any:
        """Labels where the model is a classifier, values otherwise.

        Two outputs or more: the index of the largest; one output: 0 or 1 after a sigmoid, -1 or 1 for the losses of
        the perceptron and of margins, the value itself otherwise. A model trained with BCEWithLogitsLoss gives 0 or 1
        for each of its outputs. A model trained on values gives values.

        NaN and infinity in x are a ConfigError that names the place. With allow_nan they are let through: such rows,
        and rows for which an output is NaN, get the label -1 (0 where labels are -1 and 1), with a RuntimeWarning.
        """
        if self._columns is not None:
            self._check_columns("predict", x)
        z, rows = self._core.outputs(x, "[predict]", allow_nan is not False and flag("predict", "allow_nan", allow_nan))
        labels = labels_of(z, self._link, self._core.kind_of_outputs)
        if labels is None:
            return z
        return labels if rows is None or not rows.any() else without_labels(labels, rows, self._link)

    def activations(self, x: Any) -> dict[str, Any]:
        """The output of every layer in inference, by the layer's name."""
        self._check_columns("activations", x)
        result: dict[str, Any] = self._core.activations(x)
        return result

    # ---- Files and copies -------------------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Writes the model to a safetensors file that `nc.load` reads: layers, parameters, buffers, normalisation.

        The file appears whole or not at all. ConfigError for layers written in Python, as files hold no code;
        OSError if it cannot be written; ImportError without the package safetensors (pip install nncore[save]).
        """
        save_model(parts_of(self), path)

    def copy(self) -> Self:
        """A copy with parameters of its own."""
        with restoring():
            other = self._with(self._renewed_layers(), {"dtype": self.dtype, "seed": self.seed, "input": self.input})
        other.load_state_dict(self.state_dict())
        restore(other, self._link, self._calls, self._ignored, self._columns)
        return other

    def _with(self, layers: dict[str, Layer], facts: dict[str, Any]) -> Self:
        """A model of the same class with other layers, connected in the same way."""
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def _renewed_layers(self) -> dict[str, Layer]:
        """Copies of the layers by name; a layer in several places is one copy."""
        memo: dict[int, Layer] = {}
        return {name: renewed(layer, memo) for name, layer in self._layers.items()}

    # ---- Display ----------------------------------------------------------------------------------------------------

    def summary(self, input_shape: int | Sequence[int] | None = None) -> Summary:
        """A table of output shapes, parameters and memory for samples of input_shape (without the batch)."""
        return Summary.of(self._core, self, self._input_shape() if input_shape is None else input_shape)

    def __repr__(self) -> str:
        lines = [f"  ({name}): {layer!r}" for name, layer in self._layers.items()]
        facts = f"dtype={self.dtype!r}, seed={self.seed}"
        if self.input is not None:
            facts += f", input={self.input!r}"
        return "\n".join([f"{self._kind}(", *lines, f"  {facts}", ")"])

    def _repr_html_(self) -> str:
        return html_of(self._kind, self._core, self._layers, self.seed)


def core_of(net: Model) -> Any:
    """The compiled model, which `to`, `append` and a new Normalize replace."""
    return net._core


def layers_of(net: Model) -> Mapping[str, Layer]:
    """The layers by name."""
    return net._layers


def reads_of(net: Model) -> list[list[int]]:
    """For each layer the indices of its input values: 0 is the input, i + 1 the output of layer i."""
    return net._reads


def sample_shape_of(net: Model) -> tuple[int, ...] | None:
    """The shape of one sample where it is fixed, as in a Graph; else None."""
    return net._input_shape()


def inner_layers(where: str, part: Model) -> Mapping[str, Layer]:
    """The layers by name of a Sequential that stands where a layer is expected; ConfigError for another model."""
    if part._input_shape() is not None:
        mend = "write nc.Graph(x, y) with y = …(graph(x)) for an nc.Input x"
        raise ConfigError(f"{where}: expected a layer or a Sequential, got a {part._kind} ({mend})")
    if part.input is not None:
        mend = "give it to the outer model, and build the inner one without"
        raise ConfigError(f"{where}: expected a Sequential without input=, got input={part.input!r} ({mend})")
    return part._layers


def parts_of(net: Model) -> ModelParts:
    """The parts of a model that a file stores."""
    kept = net._link, net._calls, net._columns, net._ignored
    return ModelParts(net._kind, net._core, net._layers, net._graph_facts(), net.input, net.seed, *kept)


def arrays_at_start(net: Model) -> list[tuple[str, NDArray[Any] | None]]:
    """Parameters and buffers by name; None for those that come from a seed which nobody gave."""
    arrays = arrays_of(net._core)
    if not net._drawn:
        return list(arrays.items())
    other = net.copy()
    other.flat_parameters[:] = np.nan  # what the seed does not initialise stays so
    drawn = arrays_of(other.initialize(net.seed)._core)
    return [(name, None if np.array_equal(array, drawn[name]) else array) for name, array in arrays.items()]


def set_link(net: Model, link: str | None) -> None:
    """Sets how predict interprets the outputs: the link of the loss that it is trained with."""
    if net._link != link:  # assigning takes longer than looking: a step does this
        net._link = link


def set_ignored(net: Model, label: int | None) -> None:
    """Sets the label of samples that do not count in the loss that it is trained with."""
    net._ignored = label


def ignored_of(net: Model) -> int | None:
    """The label of samples that do not count."""
    return net._ignored


def set_calls(net: Model, calls: int) -> None:
    """Sets the number of forward passes so far, from which Dropout's random streams are numbered."""
    net._calls = calls


def restore(
    net: Model, link: str | None, calls: int, ignored: int | None = IGNORED, columns: Names | None = None
) -> None:
    """Sets the link, the number of forward passes and the names of columns of a copied, unpickled or loaded model."""
    net._link, net._calls, net._ignored = link, calls, ignored
    if columns is not None:
        set_columns(net, columns)
