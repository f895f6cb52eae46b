"""What the layers of several inputs add to generated layers: a call takes all of them."""

from __future__ import annotations

from typing import Any

from nncore import _core
from nncore.errors import ConfigError
from nncore.nn._layer import CompiledLayer, spec_of
from nncore.nn._symbol import Symbol, symbol_of


class Merge(CompiledLayer):
    """Base of Add, Multiply and Concat."""

    def __call__(self, *x: Any) -> Any:
        """The outputs for the inputs x (N, …), one or more of them; for symbols the next symbol of a Graph."""
        if not x:
            raise ConfigError(f"[{type(self).__name__}] inputs: expected one or more, got none")
        if any(isinstance(given, Symbol) for given in x):
            return symbol_of(self, x)
        if len(x) == 1:
            return super().__call__(x[0])
        return _core.run_inputs(spec_of(self), type(self).__name__, x)
