"""Layer: the base of all layers.

A layer alone can be called, too: it computes in float64 then, and takes a model's dtype when it joins one.
"""

from __future__ import annotations

import secrets
from typing import Any

from nncore import _core
from nncore._checks import flag, integer
from nncore._generate import Registered
from nncore._parameter import Parameter, parameters_of


class Layer(Registered):
    """Base of all layers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handle = _core.LayerHandle(self._spec)
        self._alone: tuple[int, Any] | None = None
        self._calls = 0

    def _core_model(self, dtype: str = "float64") -> Any:
        """A model of this layer alone, on the parameters it has wherever else it is used; else new ones of `dtype`."""
        handle = self._handle
        if self._alone is None or self._alone[0] != handle.generation:
            own = handle.dtype is None
            make = _core.Model32 if (handle.dtype or dtype) == "float32" else _core.Model64
            core = make([("0", handle)], secrets.randbits(32), None)
            if own:
                handle.provisional = True
            self._alone = (handle.generation, core)
        return self._alone[1]

    def __call__(self, x: Any) -> Any:
        """The outputs for x (N, …) in inference; nothing is kept."""
        return self._core_model().forward(x, False, 0, 0)

    def forward(self, x: Any, training: bool = True, seed: int | None = None) -> Any:
        """The outputs for x (N, …); with training, what backward needs is kept."""
        where = type(self).__name__
        training = flag(where, "training", training)
        if seed is not None:
            return self._core_model().forward(x, training, integer(where, "seed", seed, 0, 2**64 - 1), 0)
        self._calls += 1
        return self._core_model().forward(x, training, self._calls, 0)

    def backward(self, dy: Any) -> Any:
        """The gradient of x for the gradient dy of the last forward's outputs; adds to the parameters' gradients."""
        return self._core_model().backward(dy)

    def parameters(self) -> list[Parameter]:
        """The layer's parameters, as views that can be read and assigned."""
        return parameters_of(self._core_model(), prefix="0.")

    def zero_grad(self) -> None:
        """Sets all gradients to zero."""
        self._core_model().zero_grad()

    def __reduce__(self) -> tuple[Any, ...]:
        dtype, values = self._handle.dtype, []
        if dtype is not None:
            core = self._core_model()
            values = [value.copy() for _, value, _ in core.parameters() + core.buffers()]
        return _rebuild_layer, (type(self), self._config, dtype, values)


def _rebuild_layer(cls: type[Layer], config: dict[str, Any], dtype: str | None, values: list[Any]) -> Layer:
    layer = cls(**config)
    if dtype is not None:
        core = layer._core_model(dtype)
        for (_, array, _), value in zip(core.parameters() + core.buffers(), values, strict=True):
            array[...] = value
    return layer
