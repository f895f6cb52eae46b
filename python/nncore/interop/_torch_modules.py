"""PyTorch modules for what torch.nn has no module for. This file imports torch: import it inside functions only."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

torch: Any = importlib.import_module("torch")
nn: Any = torch.nn


class Residual(nn.Sequential):  # type: ignore[misc]
    """x + f(x), f the modules inside."""

    def forward(self, x: Any) -> Any:
        """x (N, …) -> (N, …)"""
        return x + super().forward(x)


class Normalize(nn.Module):  # type: ignore[misc]
    """(x - mean) / std, with x turned into numbers of the statistics' dtype."""

    def __init__(self, mean: Any, std: Any) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Any) -> Any:
        """x (N, …) -> (N, …)"""
        return (x.to(self.mean.dtype) - self.mean) / self.std


class Add(nn.Module):  # type: ignore[misc]
    """x0 + x1 + …"""

    def forward(self, *x: Any) -> Any:
        """Of inputs of one shape."""
        y = x[0]
        for other in x[1:]:
            y = y + other
        return y


class Multiply(nn.Module):  # type: ignore[misc]
    """x0 x1 …; an input that has the leading axes of the others alone scales all that follows them."""

    def forward(self, *x: Any) -> Any:
        """Of inputs of one shape, or of leading axes of it."""
        rank = max(other.dim() for other in x)
        y = _with_rank(x[0], rank)
        for other in x[1:]:
            y = y * _with_rank(other, rank)
        return y


class Concat(nn.Module):  # type: ignore[misc]
    """The inputs one after the other along an axis."""

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *x: Any) -> Any:
        """Of inputs that differ in that axis alone."""
        return torch.cat(x, self.dim)

    def extra_repr(self) -> str:
        """As repr shows it."""
        return f"dim={self.dim}"


class Graph(nn.Sequential):  # type: ignore[misc]
    """Modules whose outputs may be read by several others.

    reads: for each module the indices of its inputs; 0 is the input of all, i + 1 the output of module i.
    """

    def __init__(self, modules: Any, reads: Sequence[Sequence[int]], shape: Sequence[int]) -> None:
        super().__init__(modules)
        self.reads = [list(values) for values in reads]
        self.input_shape = tuple(shape)

    def forward(self, x: Any) -> Any:
        """x (N, …) -> the output of the last module."""
        values = [x]
        for module, reads in zip(self._modules.values(), self.reads, strict=True):
            values.append(module(*[values[i] for i in reads]))
        return values[-1]


def _with_rank(x: Any, rank: int) -> Any:
    return x.reshape(*x.shape, *[1] * (rank - x.dim()))
