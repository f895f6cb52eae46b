"""ModelState: the layers of a model, the compiled model made from them, and its parameters."""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from nncore import _core
from nncore._support.checks import LARGEST_SEED, dtype_name, integer
from nncore._support.labels import IGNORED
from nncore.nn._files.save import IncompatibleKeys, checked_state, model_state
from nncore.nn._layer import Layer, handle_of, join
from nncore.nn._normalize import Features, Normalize, check_input, numbers_of
from nncore.nn._parameter import Parameter, parameters_of


class ModelState(Features):
    """The part of a model that holds its layers and their numbers."""

    _kind: str  #: class name in error messages
    _hints: ClassVar[Mapping[str, str]] = {
        "layers": 'net[0], net["name"], and `for layer in net`',
        "weights": "net[0].weight, or net.parameters()",
        **dict.fromkeys(("trainable", "requires_grad"), "net.freeze(), or net[0].freeze()"),
        "training": "net(x) predicts; net.forward(x, training=True) is a pass of training",
        **dict.fromkeys(("train", "fit"), "Trainer(net, loss, optimizer).fit(X, y)"),
        "eval": "net(x) predicts already",
        **dict.fromkeys(("evaluate", "score"), "Trainer(net, loss, optimizer).evaluate(X, y)"),
        "compile": "Trainer(net, loss, optimizer)",
        "get_weights": "net.state_dict()",
        "set_weights": "net.load_state_dict(state)",
        **dict.fromkeys(("cuda", "cpu"), "everything is computed on the CPU"),
        "add": "net.append(layer)",
        **dict.fromkeys(("to_onnx", "export"), 'nc.onnx.export(net, "net.onnx")'),
        **dict.fromkeys(("optimizer", "loss"), "Trainer(net, loss, optimizer)"),
        "seed": "net.initialize(seed) draws new parameters",
        "dtype": "net.to(dtype)",
        **{name: f"change the array: net.{name}[:] = …" for name in ("flat_parameters", "flat_gradients")},
    }

    def __init__(
        self,
        layers: Mapping[str, Layer],
        reads: Sequence[Sequence[int]],
        dtype: str,
        seed: int | None,
        input: Normalize | None,
    ) -> None:
        """`reads`: for each layer the indices of its input values; 0 is the input, i + 1 the output of layer i."""
        check_input(self._kind, input)
        self._layers: dict[str, Layer] = dict(layers)
        self._reads = [list(values) for values in reads]
        self._seed = secrets.randbits(32) if seed is None else integer(self._kind, "seed", seed, 0, LARGEST_SEED)
        self._drawn = seed is None
        self._input = input
        if input is not None:
            self._columns = self._with_names(input)
        self._link: str | None = None
        self._ignored: int | None = IGNORED
        self._calls = 0
        self._core = self._make_core(dtype_name(self._kind, dtype), input)

    def _make_core(self, dtype: str, input: Normalize | None) -> Any:
        make = _core.Model32 if dtype == "float32" else _core.Model64
        named = zip(self._layers.items(), self._reads, strict=True)
        places = [(name, handle_of(layer), values) for (name, layer), values in named]
        numbers = None if input is None else numbers_of(input)
        core = make(places, self.seed, numbers, self._input_shape(), self._kind)
        own = weakref.ref(self)
        for layer in self._layers.values():
            join(layer, own)
        return core

    def _input_shape(self) -> tuple[int, ...] | None:
        """The shape of one sample if it is fixed, as in a Graph; else None."""
        return None

    def _graph_facts(self) -> dict[str, Any]:
        """Facts for files on how the layers are connected; {} for a sequence."""
        return {}

    def _replace_core(self, dtype: str, own: Iterable[Layer]) -> None:
        """A new compiled model with the parameters of its `own` layers in new memory; those of others, which may belong
        to another model, are shared. The caller holds the old one's access guard.
        """
        handles = [handle for handle in map(handle_of, own) if handle.dtype is not None]
        before = [(handle, handle.free_parts) for handle in handles]
        for handle in handles:
            handle.provisional = True
        try:
            self._core = self._make_core(dtype, self.input)
        except Exception:
            for handle, free in before:
                handle.free_parts = free
            raise

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers.values())

    def __getitem__(self, index: int | str) -> Layer:
        """A layer by position or name."""
        return self._layers[index] if isinstance(index, str) else list(self._layers.values())[index]

    def freeze(self) -> Self:
        """Freezes every layer, as `Layer.freeze` does; `net[-1].unfreeze()` then lets the last one learn."""
        for layer in self:
            layer.freeze()
        return self

    def unfreeze(self) -> Self:
        """Every parameter learns again."""
        for layer in self:
            layer.unfreeze()
        return self

    @property
    def seed(self) -> int:
        """Of the initial parameters and, beside a Trainer's, of Dropout."""
        return self._seed

    def _take_input(self, normalize: Normalize | None) -> None:
        core, shape = self._make_core(self.dtype, normalize), self._input_shape()
        if shape is not None:
            core.describe(list(shape))
        self._input, self._core = normalize, core

    @property
    def dtype(self) -> str:
        """ "float32" or "float64"."""
        return str(self._core.dtype)

    def parameters(self) -> list[Parameter]:
        """All parameters, in order, as views that can be read and assigned."""
        return parameters_of(self._core)

    @property
    def flat_parameters(self) -> NDArray[Any]:
        """All parameters as one writable row; it is the model's own memory."""
        flat: NDArray[Any] = self._core.flat_parameters()
        return flat

    @property
    def flat_gradients(self) -> NDArray[Any]:
        """All gradients as one writable row, in the order of flat_parameters."""
        flat: NDArray[Any] = self._core.flat_gradients()
        return flat

    def initialize(self, seed: int) -> Self:
        """Initialises every parameter as in a new model with that seed."""
        seed = integer(self._kind, "seed", seed, 0, LARGEST_SEED)
        self._core.initialize(seed)
        self._seed, self._drawn, self._columns = seed, False, None
        self._columns = self._with_names(self.input)
        return self

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and buffers, with PyTorch's keys and shapes."""
        return model_state(self._core, self.input)

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copies arrays by name into the model: all of them or, with an error, none.

        Values are arrays or objects with `__array__`. With strict, missing and unknown keys are errors; else they are
        left alone and returned, as (missing_keys, unexpected_keys).
        """
        copies, normalize, keys = checked_state(self._kind, self._core, self.input, state, strict)
        with self._core.access_guard(f"{self._kind}.load_state_dict", write=True):
            core = self._core if normalize is self.input else self._make_core(self.dtype, normalize)
            for array, values in copies:  # from here on nothing fails
                array[...] = values
            self._input, self._core = normalize, core
        return keys

    def to(self, dtype: str) -> Self:
        """Converts the model itself to another dtype and returns it; arrays returned before keep the old numbers."""
        name = dtype_name(self._kind, dtype)
        if name != self.dtype:
            with self._core.access_guard(f"{self._kind}.to", write=True):
                self._replace_core(name, self)
        return self
