"""The HTML report of a fit: numbers, figures and settings in one self-contained page."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, BinaryIO

import numpy as np

from nncore._support.checks import pair, real_array
from nncore._support.files import atomic, path_of
from nncore._support.html import Markup, cell, curve, facts
from nncore._support.runtime import info
from nncore.diagnostics._monitor import Monitor
from nncore.errors import ConfigError, NumericError, ShapeError, StateError
from nncore.loggers._captions import HISTORY, MODEL, of_numbers, of_picture
from nncore.nn._loss import has_classes
from nncore.nn.layers import Conv2d
from nncore.plot import (
    Display,
    confusion_matrix,
    dead_units,
    decision_boundary,
    filters,
    gradient_flow,
    histograms,
    predicted_vs_true,
    regression_fit,
    residuals,
    statistics,
    update_ratios,
)
from nncore.plot import history as draw_history
from nncore.plot._style import canvas
from nncore.train._history import History, origin_of
from nncore.train._metrics import has_curve, is_metric
from nncore.train._settings import loss_with_numbers
from nncore.train._state import Origin

_REFUSED = (ConfigError, ShapeError, StateError, NumericError)
_MAX_TENSORS = 6  # of a monitor, in one picture
_STYLE = """
body { margin: 0 auto; max-width: 76rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222 }
body { background: #fff }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc }
h1, p, figcaption { overflow-wrap: anywhere } td, th, caption { overflow-wrap: break-word }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)) }
.grid { gap: 1rem; align-items: start }
.scroll { overflow-x: auto }
figure { margin: 0 } img, svg { max-width: 100%; height: auto } td svg { max-width: none }
figcaption { font-weight: 600 } .note, dl { color: #555; font-size: .9rem; max-width: 44rem } .note { margin: .4rem 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .8rem } dt { font-weight: 600 } dd { margin: 0 }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
td, th { text-align: right; padding: .15rem .6rem; border-top: 1px solid #ddd; vertical-align: top }
caption { text-align: left; color: #6e6e6e }
"""


def write_report(
    history: History, path: object, data: Any, title: str | None, class_names: Any = None, feature_names: Any = None
) -> None:
    """See History.report."""
    name = path_of("report", path)
    if data is not None:
        X, y = pair("report", "data", data)
        feature_names = getattr(X, "columns", None) if feature_names is None else feature_names
        data = real_array("report", "data", X), y
    names = {"class_names": class_names, "feature_names": feature_names}
    try:
        with atomic(name) as file:  # opened before drawing, so that a path that cannot be written fails at once
            _write(file, history, data, "Training report" if title is None else str(title), names)
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(error.errno, error.strerror, name) from None  # the error names the temporary file


def _write(file: BinaryIO, history: History, data: Any, title: str, names: dict[str, Any]) -> None:
    origin = origin_of(history)
    pictures = _Pictures(_batch(origin))
    parts = [f"<h1>{cell(title)}</h1>", _note(f"Written {time.strftime('%Y-%m-%d %H:%M')}")]
    if not pictures.possible:
        parts.append(_note("There are no pictures: matplotlib is needed to draw them (pip install nncore[plot])."))
    if origin is None:
        parts.append(
            _note("Only the numbers of this fit are known: its history was copied, unpickled or made by hand.")
        )
    tables = [Markup(f"<div>{_wide(history._repr_html_())}{_meanings(history)}</div>")]
    if origin is not None:
        held_out = origin.data if data is None else data
        shape = origin.shape if held_out is None else np.shape(held_out[0])[1:]
        tables.append(Markup(f"<div>{_wide(_model(origin, shape))}{_note(MODEL)}</div>"))
    parts += _section("Numbers", *tables)
    parts += _section("Curves", *(_curves(history, pictures) if pictures.possible else _plain_curves(history)))
    tables = [_wide(facts(info().items(), caption="Made with"))]
    if origin is not None:
        for number, monitor in enumerate(_monitors(origin)):
            what = "Inside the model" + (f" ({number + 1})" if number else "")
            seen = f"{len(monitor.steps)} looks inside, {monitor!r}; more on these pictures in notebook 10."
            parts += _section(what, *_inside(monitor, pictures), note=seen)
        parts += _section("What it learned", *_learned(origin, held_out, pictures, names))
        tables.insert(0, _wide(facts(_settings(origin), caption="Trainer")))
    parts += _section("Settings", *tables)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{cell(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n"
    )
    file.write((page + "\n".join(parts) + "\n</body>\n</html>\n").encode("utf-8", "replace"))


# ---- Pieces of a page -----------------------------------------------------------------------------------------------


def _note(text: str) -> Markup:
    return Markup(f'<p class="note">{cell(text)}</p>')


def _wide(content: str) -> Markup:
    """Content with its own scroll bar if it is wider than the screen."""
    return Markup(f'<div class="scroll">{content}</div>')


def _section(title: str, *content: Markup, note: str = "") -> list[str]:
    """A section of the page; nothing if it has no content."""
    inner = "\n".join(filter(None, content))
    about = _note(note) if note else ""
    return [f'<h2>{cell(title)}</h2>\n{about}<div class="grid">{inner}</div>'] if inner else []


def _meanings(history: History) -> Markup:
    """What each of the history's numbers means, and what is usual."""
    shown = [key for key, values in history.epochs.items() if has_curve(key) and not np.isnan(values).all()]
    pairs = "".join(f"<dt>{cell(column)}</dt><dd>{cell(text)}</dd>" for column, text in of_numbers(shown))
    return Markup(f"{_note(HISTORY)}<dl>{pairs}</dl>")


def _batch(origin: Origin | None) -> str:
    """The samples that a monitor sees at once, in words."""
    size = None if origin is None else origin.trainer.options["batch_size"]
    return "all samples of the batch" if size is None else f"all {size} samples of the batch"


class _Pictures:
    """Figures of nncore.plot as images in the page; "" without matplotlib."""

    def __init__(self, batch: str) -> None:
        self._batch = batch
        try:
            from matplotlib import pyplot
        except ImportError:
            pyplot = None  # type: ignore[assignment]
        self._pyplot: Any = pyplot
        self.possible = pyplot is not None

    def of(self, about: str, draw: Callable[[], Any]) -> Markup:
        """The figure of the Display that draw() returns; if it cannot be drawn, a line with the reason."""
        if not self.possible:
            return Markup("")
        before = self._pyplot.get_fignums()
        with self._pyplot.ioff():
            try:
                return self.shown(about, draw().figure_)
            except _REFUSED as error:
                return _note(f"{about}: {error}")
            finally:
                for number in set(self._pyplot.get_fignums()) - set(before):
                    self._pyplot.close(number)

    def shown(self, about: str, figure: Any) -> Markup:
        """A figure as an image within the page."""
        with closing(io.BytesIO()) as content:
            figure.savefig(content, format="png", dpi=150)
            image = base64.b64encode(content.getvalue()).decode()
        source = f'src="data:image/png;base64,{image}" alt="{cell(about)}" width="{round(96 * figure.get_figwidth())}"'
        meaning = of_picture(about, self._batch)
        below = f'<p class="note">{cell(meaning)}</p>' if meaning else ""
        return Markup(f"<figure><figcaption>{cell(about)}</figcaption><img {source}>{below}</figure>")


# ---- Parts of the page ----------------------------------------------------------------------------------------------


def _curves(history: History, pictures: _Pictures) -> Iterator[Markup]:
    """Loss and a metric as separate figures, which wrap on narrow screens."""
    has_metric = any(map(is_metric, history.epochs))
    for number, about in enumerate(["Loss", "Metric"][: 1 + has_metric]):

        def draw(number: int = number) -> Any:
            size = (5.4, 3.4)
            with canvas("report", None, size) as (loss,), canvas("report", None, size) as (metric,):
                draw_history(history, ax=(loss, metric) if has_metric else loss)
                if number:
                    metric.legend(frameon=False)
                return Display(((loss, metric)[number],))

        yield pictures.of(about, draw)


def _plain_curves(history: History) -> Iterator[Markup]:
    """The columns as SVG curves, for pages without matplotlib."""
    for key, values in history.epochs.items():
        drawn = curve(values, width=420, height=160, about=f"{key} over the epochs") if has_curve(key) else ""
        if drawn:
            yield Markup(f"<figure><figcaption>{cell(key)}</figcaption>{drawn}</figure>")


def _model(origin: Origin, shape: tuple[int, ...] | None) -> str:
    model = origin.trainer.model
    try:
        return model.summary(shape)._repr_html_()
    except _REFUSED:  # no shape was given, and no layer has a fixed input size
        return model._repr_html_()


def _monitors(origin: Origin) -> list[Monitor]:
    return [callback for callback in origin.callbacks if isinstance(callback, Monitor) and callback]


def _some(monitor: Monitor, kind: str) -> list[str]:
    """At most _MAX_TENSORS tensors of a kind, evenly spaced from the first to the last."""
    names = [name for name in monitor if monitor.kinds[name] == kind]
    chosen = np.linspace(0, len(names) - 1, min(len(names), _MAX_TENSORS)).round().astype(int)
    return [names[i] for i in chosen]


def _inside(monitor: Monitor, pictures: _Pictures) -> Iterator[Markup]:
    acts, weights = _some(monitor, "activation"), _some(monitor, "weight")
    if acts:
        yield pictures.of("Activations", lambda: statistics(monitor, acts, columns=1))
    if weights and "histogram" in monitor[weights[0]]:
        yield pictures.of("Weights", lambda: histograms(monitor, weights, columns=1))
    if weights:
        yield pictures.of("Gradients", lambda: gradient_flow(monitor))
        yield pictures.of("Updates", lambda: update_ratios(monitor))
    if acts:
        yield pictures.of("Units that do not learn", lambda: dead_units(monitor))


def _learned(origin: Origin, data: Any, pictures: _Pictures, names: dict[str, Any]) -> Iterator[Markup]:
    """Plots of the model in its current state, on held-out data."""
    trainer = origin.trainer
    model = trainer.model
    if data is not None:
        X, y = data
        labels = has_classes(trainer.loss, y) and np.asarray(y).ndim == 1
        if labels:
            yield pictures.of(
                "Confusion, held-out data", lambda: confusion_matrix(model, X, y, class_names=names["class_names"])
            )
        if labels and np.shape(X)[1:] == (2,):
            yield pictures.of("Decision boundary, held-out data", lambda: decision_boundary(model, X, y, **names))
        if not labels and trainer.loss.link == "identity" and np.ndim(y) <= 2:
            yield from _regression(model, X, y, pictures, names["feature_names"])
        if not _monitors(origin):
            batch, loss = trainer.options["batch_size"], loss_with_numbers(trainer)
            yield pictures.of("Gradients, held-out data", lambda: gradient_flow(model, loss, X[:batch], y[:batch]))
    convolution = next((layer for layer in model if isinstance(layer, Conv2d)), None)
    if convolution is not None:
        yield pictures.of("Filters of the first convolution", lambda: filters(convolution))


def _regression(model: Any, X: Any, y: Any, pictures: _Pictures, features: Any) -> Iterator[Markup]:
    yield pictures.of("Predictions, held-out data", lambda: predicted_vs_true(model, X, y))
    yield pictures.of("Residuals, held-out data", lambda: residuals(model, X, y))
    if np.shape(X)[1:] == (1,):
        yield pictures.of(
            "Fit over the input, held-out data", lambda: regression_fit(model, X, y, feature_names=features)
        )


def _settings(origin: Origin) -> Iterator[tuple[str, str]]:
    trainer = origin.trainer
    yield "loss", repr(trainer.loss)
    yield "optimizer", repr(trainer.optimizer)
    for key, value in trainer.options.items():
        yield key, repr(value)
    yield "seed of the model", str(trainer.model.seed)
    yield "dtype", trainer.model.dtype
    own = [callback for callback in origin.callbacks if type(callback).__name__[0] != "_"]
    yield "callbacks", ", ".join(map(repr, own)) or "none"
