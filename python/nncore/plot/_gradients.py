"""Gradient norms, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._checks import describe
from nncore._gradient_flow import GradientFlow
from nncore._gradient_flow import gradient_flow as measure
from nncore.errors import ConfigError
from nncore.plot._style import Display, canvas, colour, finish, tidy

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

_WHERE = "plot.gradient_flow"


@dataclass(frozen=True)
class GradientFlowDisplay(Display):
    """What gradient_flow returns.

    Attributes
    ----------
    flows_ : dict label -> GradientFlow, what was drawn; a single one has the label "".
    lines_ : dict label -> Line2D.
    """

    flows_: dict[str, GradientFlow]
    lines_: dict[str, Line2D]


def gradient_flow(
    model: Any, loss: Any = None, X: Any = None, y: Any = None, *, ax: Any = None, title: str | None = None
) -> GradientFlowDisplay:
    """The norm of the gradient of each layer's weights, on a logarithmic scale.

    Parameters
    ----------
    model : Sequential, or a dict label -> Sequential
        Or what `nc.gradient_flow` returned, or a dict of that; loss, X and y are not needed then.
    loss, X, y : as in `nc.gradient_flow`
    ax : matplotlib Axes or None, default None
        Draw here instead of in a new figure.
    title : str or None, default None

    Returns
    -------
    GradientFlowDisplay

    Raises
    ------
    ConfigError
        Something else than models or results.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 2), seed=0)
    >>> display = nc.plot.gradient_flow(net, nc.CrossEntropyLoss(), np.array([[0.5, -1.0]]), np.array([1]))
    >>> [text.get_text() for text in display.ax_.get_xticklabels()]
    ['0', '2']
    """
    given = dict(model) if isinstance(model, Mapping) else {"": model}
    if not given:
        raise ConfigError(f"[{_WHERE}] model: expected a model or some of them, got {describe(model)}")
    flows = {
        str(label): one if isinstance(one, GradientFlow) else measure(one, loss, X, y) for label, one in given.items()
    }
    longest = max(flows.values(), key=lambda flow: len(flow.norms))
    with canvas(_WHERE, ax, (6.4, 3.5)) as (on,):
        lines = {}
        for number, (label, flow) in enumerate(flows.items()):
            norms = np.array(list(flow.norms.values()))
            lines[label] = on.plot(norms, marker="o", color=colour(number), label=label or None)[0]
        if any(norm > 0 for flow in flows.values() for norm in flow.norms.values()):
            on.set_yscale("log")
        on.set_xticks(range(len(longest.norms)), list(longest.norms))
        on.set(xlabel="layer", ylabel="norm of the weight gradient")
        tidy(on)
        finish(on, ax is None, title)
    return GradientFlowDisplay((on,), flows, lines)
