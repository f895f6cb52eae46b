"""gradient_flow: norms of the weight gradients, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.checks import as_list, describe, integer
from nncore._support.names import keywords
from nncore.diagnostics._gradient_flow import GradientFlow
from nncore.diagnostics._gradient_flow import gradient_flow as measure
from nncore.diagnostics._monitor import Monitor, check_seen, matrices_of
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._style import canvas, colour, counted, dot, finish, paper, plain, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WHERE = "plot.gradient_flow"


@dataclass(frozen=True, repr=False)
class GradientFlowDisplay(Display):
    """The plot of `gradient_flow`.

    Attributes
    ----------
    flows_ : dict label -> GradientFlow, what was drawn; a single one has the label "".
    lines_ : dict label -> Line2D.
    """

    flows_: dict[str, GradientFlow]
    lines_: dict[str, Line2D]


@keywords()
def gradient_flow(
    model: Any,
    loss: Any = None,
    X: Any = None,
    y: Any = None,
    *,
    steps: Any = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> GradientFlowDisplay:
    """The norm of the gradient of each layer's weights, on a logarithmic scale.

    Parameters
    ----------
    model : Sequential, or a dict label -> Sequential
        Or what `nc.gradient_flow` returned, or a Monitor, or a dict of those; loss, X and y are not needed then.
    loss, X, y : as in `nc.gradient_flow`
    steps : integers or None, default None
        Of a Monitor: draw its observations that are nearest to these; None: five from the first to the last, dark to
        light, or of several monitors the last.
    ax : matplotlib Axes or None, default None
        Draw here instead of in a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None

    Returns
    -------
    GradientFlowDisplay
        `ax_`, `figure_`, `flows_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    ConfigError
        Something else than models or results.
    StateError
        The monitor has no observations yet.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 2), seed=0)
    >>> display = nc.plot.gradient_flow(net, nc.CrossEntropyLoss(), np.array([[0.5, -1.0]]), np.array([1]))
    >>> [text.get_text() for text in display.ax_.get_xticklabels()]
    ['0', '2']
    """
    given = {"": model} if isinstance(model, Monitor) or not isinstance(model, Mapping) else dict(model)
    if not given:
        raise ConfigError(f"[{_WHERE}] model: expected a model or some of them, got {describe(model)}")
    flows: dict[str, GradientFlow] = {}
    for label, one in given.items():
        if isinstance(one, Monitor):
            flows |= _flows_of(str(label), one, steps, alone=len(given) == 1)
        else:
            flows[str(label)] = one if isinstance(one, GradientFlow) else measure(one, loss, X, y)
    longest = max(flows.values(), key=lambda flow: len(flow.norms))
    in_order = len(given) == 1 < len(flows)  # observations of one monitor
    with canvas(_WHERE, ax, (6.4, 3.5), figsize=figsize) as (on,):
        tints = _shades(on, len(flows)) if in_order else list(map(colour, range(len(flows))))
        lines = {}
        for tint, (label, flow) in zip(tints, flows.items(), strict=True):
            norms = np.array(list(flow.norms.values()))
            lines[label] = on.plot(norms, marker="o", markersize=dot(6), color=tint, label=label or None)[0]
        if any(norm > 0 for flow in flows.values() for norm in flow.norms.values()):
            on.set_yscale("log")
        on.set_xticks(range(len(longest.norms)), list(map(plain, longest.norms)))
        on.set(xlabel="layer", ylabel="norm of the weight gradient")
        tidy(on)
        finish(on, ax is None, title)
    about = f"norms of the weight gradients of {counted(len(longest.norms), 'layer')}"
    return GradientFlowDisplay((on,), flows, lines, about_=about)


def _flows_of(label: str, monitor: Monitor, steps: Any, *, alone: bool) -> dict[str, GradientFlow]:
    """label -> flow for some observations of a monitor, in the order of training."""
    check_seen(monitor)
    weights = matrices_of(monitor)
    if not weights:
        raise ConfigError(f"[{_WHERE}] model: expected a model with weights, got one without")
    observed = monitor.steps
    if steps is None:
        chosen = (
            np.linspace(0, len(observed) - 1, min(5, len(observed))).round() if alone else np.array([len(observed) - 1])
        )
    else:
        asked = as_list([steps] if np.ndim(steps) == 0 else steps) or []
        if not asked:
            raise ConfigError(f"[{_WHERE}] steps: expected numbers of steps, got {describe(steps)}")
        chosen = np.array([np.abs(observed - integer(_WHERE, "steps", step, 0, 2**62)).argmin() for step in asked])
    flows = {}
    for i in np.unique(chosen.astype(np.int64)):
        squares: dict[str, float] = {}
        for name in weights:
            layer = name.split(".", 1)[0]
            squares[layer] = squares.get(layer, 0.0) + monitor.records[i][f"{name}.grad"]["norm"] ** 2
        flow = GradientFlow({layer: float(np.sqrt(square)) for layer, square in squares.items()})
        flows[", ".join(filter(None, [label, f"step {observed[i]}"]))] = flow
    return flows


def _shades(ax: Axes, count: int) -> list[Any]:
    """`count` colours from dark to light, each visible on the paper."""
    import matplotlib

    least, most = (0.25, 1.0) if sum(paper(ax)) < 1.5 else (0.0, 0.9)
    return [matplotlib.colormaps["viridis"](least + (most - least) * i / (count - 1)) for i in range(count)]
