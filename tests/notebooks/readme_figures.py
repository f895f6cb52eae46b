"""Writes README's short table of reported and own figures and the full one, notebooks/results/README.md, from the
result files, and the pictures README takes from notebooks: `python tests/notebooks/readme_figures.py`."""

import base64
import csv
import math
import re
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import figure_notes
import rerun

from nncore.cli.experiments import _comparison

ROOT = Path(__file__).parents[2]
SHORT, FULL = ROOT / "README.md", ROOT / "notebooks" / "results" / "README.md"
START, END = "<!-- figures: written by tests/notebooks/readme_figures.py -->\n", "<!-- end of figures -->\n"

TITLES = {  # of the tables, in the order of the full page
    ("E0", "dcn_runs"): "convolutional net on MNIST",
    ("E0", "activation_width"): "small nets on moons, activation and width",
    ("E0", "n_layer"): "small nets on moons, circles, blobs, depth and width",
    ("E1", "perceptron"): "perceptron",
    ("E1", "mlp"): "2-20-2 on moons",
    ("E1", "batch_size"): "batch sizes on moons",
    ("E1", "batch_size_1500_epochs"): "batch sizes on moons, 1500 epochs each",
    ("E2", "gradcheck"): "toy net, gradient check",
    ("E2", "toy"): "toy net, 100 steps",
    ("E2", "baseline"): "CIFAR-10, first net",
    ("E2", "iterations"): "CIFAR-10, steps at rate 1e-4",
    ("E2", "learning_rate"): "CIFAR-10, steps at rate 1e-3",
    ("E2", "hidden"): "CIFAR-10, hidden units",
    ("E2", "batch_size"): "CIFAR-10, batch size",
    ("E2", "regularisation"): "CIFAR-10, penalty",
    ("E2", "dropout"): "CIFAR-10, Dropout",
    ("E2", "pca"): "CIFAR-10, PCA",
    ("E2", "depth"): "CIFAR-10, depth",
    ("E2", "best"): "CIFAR-10, best net",
    ("E3", "initialisation"): "initial weights",
    ("E3", "order"): "order of the samples",
    ("E3", "conv"): "sizes of a convolution",
    ("E3", "dropout"): "Dropout with BatchNorm, MNIST",
    ("E4", "rosenbrock"): "Rosenbrock, 100 000 steps",
    ("E4", "shallow"): "MNIST, 30 epochs",
    ("E4", "deep"): "gradient, first / last layer",
}
PICTURES = {  # file: notebook, words of the cell that draws it
    "filters.png": ("06_convolution", "filters before training"),
    "gradient_flow.png": ("05_shallow_and_deep", "nc.plot.gradient_flow(flows"),
}
SELECTED = (  # README's rows: experiment, table, pattern of the setting, metric
    ("E0", "activation_width", "moons 2-10-2 tanh", "new_accuracy"),
    ("E0", "dcn_runs", "[A-E]: .*", "final_test_accuracy"),
    ("E1", "perceptron", "case [13].*", "test_accuracy"),
    ("E1", "mlp", "full batch, 1500 steps", "test_accuracy"),
    ("E1", "batch_size", "batch (1|64)", "test_accuracy"),
    ("E2", "toy", ".*", "loss"),
    ("E2", "gradcheck", "W1", "max_relative_error"),
    ("E2", "best", ".*", "val_accuracy|test_accuracy"),
    ("E2", "depth", "4 layers, 10 epochs", "val_accuracy"),
    ("E3", "initialisation", "relu .*", "test_loss"),
    ("E3", "dropout", "p=0.5 .*", "test_accuracy"),
    ("E4", "rosenbrock", "(GD|momentum) .*", "f"),
    ("E4", "shallow", ".*", "test_accuracy"),
    ("E4", "deep", "784-30x8.*", "ratio"),
)
ALONE = {  # shown without a reported figure, as the source has pictures only
    ("E0", "activation_width"): ("train_accuracy", "new_accuracy"),
    ("E0", "n_layer"): ("train_accuracy", "new_accuracy"),
    ("E1", "batch_size_1500_epochs"): ("train_accuracy", "test_accuracy"),
    ("E3", "order"): ("dead_share", "train_accuracy"),
}


class Line(NamedTuple):
    """One row of a table; `said` is the text of reported.csv, "" where nothing is reported."""

    key: tuple[str, str, str, str]
    said: str
    mine: str
    difference: str
    runs: int
    apart: bool  # further than the spread of our runs and the rounding of the reported figure explain


def own():
    """(experiment, table, setting, metric) -> row, from all result files."""
    files = sorted(FULL.parent.glob("E*.csv"))
    rows = [row for path in files if not path.stem.endswith("-quick") for row in _comparison.read_csv(path)]
    return {(row.experiment, row.table, row.setting, row.metric): row for row in rows}


def reported():
    """(experiment, table, setting, metric) -> text of the figure."""
    with open(Path(_comparison.__file__).with_name("reported.csv"), newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    return {tuple(key): said for *key, said, _note in lines}


def line(key, said, rows):
    """A figure beside ours; KeyError where there is none of ours."""
    experiment, table, setting, metric = key
    if re.fullmatch(r"\d+x\d+x\d+", said):  # a shape: three figures of ours
        sides = [rows[experiment, table, setting, f"{metric}_{side}"] for side in _comparison.SIDES]
        mine = "x".join(f"{row.mean:.0f}" for row in sides)
        return Line(key, said, mine, "0" if mine == said else "other", sides[0].runs, mine != said)
    row = rows[key]
    mine = _comparison.ours(row) if row.runs > 1 else f"{row.mean:.9g}"
    if not said:
        return Line(key, "", mine, "", row.runs, False)
    value = float(said)
    if math.isnan(value) or math.isnan(row.mean):
        same = math.isnan(value) and math.isnan(row.mean)
        return Line(key, said, mine, "0" if same else "nan", row.runs, not same)
    gap = row.mean - value
    rounding = max(10.0 ** Decimal(said).as_tuple().exponent / 2, 1e-10 * abs(value))
    return Line(key, f"{value:.9g}", mine, signed(gap, value), row.runs, abs(gap) > row.std + rounding)


def signed(gap, value):
    """A difference from a value, 0 where ten digits agree; four decimals do for accuracies."""
    if abs(gap) <= 1e-10 * abs(value):
        return "0"
    return f"{gap:+.4f}" if abs(gap) >= 5e-5 and abs(value) > 1e-2 else f"{gap:+.1e}"


def lines():
    """All rows of the full page, in its order: every reported figure, and those of ALONE."""
    said, rows = reported(), own()
    keys = list(said) + [key for key in rows if key[3] in ALONE.get(key[:2], ())]
    order = list(TITLES)
    return [line(key, said.get(key, ""), rows) for key in sorted(keys, key=lambda key: order.index(key[:2]))]


def notes_of(found):
    """The notes that say why a row lies apart, by their letter."""
    return [letter for letter, note in figure_notes.NOTES.items() if found.apart and note.covers(found.key)]


def row_of(cells):
    """Markdown."""
    return f"| {' | '.join(cells)} |"


def short_table():
    """README's selection."""
    rows = [row_of(("experiment", "setting", "figure", "reported", "ours", "runs")), "|---|---|---|---|---|---|"]
    every = lines()
    for experiment, table, setting, metric in SELECTED:
        for found in every:
            if (
                found.key[:2] == (experiment, table)
                and re.fullmatch(setting, found.key[2])
                and re.fullmatch(metric, found.key[3])
            ):
                title = f"{experiment}, {TITLES[experiment, table]}"
                figure = found.key[3].replace("_", " ")
                rows.append(row_of((title, found.key[2], figure, found.said or "–", found.mine, str(found.runs))))
    return "\n".join(rows) + "\n"


def section(experiment, table, found):
    """A table of the full page, and why rows lie apart."""
    heads = ("setting", "figure", "reported", "ours", "difference", "runs", "note")
    text = [f"### {experiment}, {TITLES[experiment, table]}\n", row_of(heads), "|---|---|---|---|---|---|---|"]
    used = set()
    for one in found:
        letters = notes_of(one)
        used.update(letters)
        figure = one.key[3].replace("_", " ")
        text.append(
            row_of(
                (
                    one.key[2],
                    figure,
                    one.said or "–",
                    one.mine,
                    one.difference or "–",
                    str(one.runs),
                    ", ".join(letters),
                )
            )
        )
    text.append("")
    text += [f"* **{letter}** {note.text}" for letter, note in figure_notes.NOTES.items() if letter in used]
    return "\n".join(text).rstrip() + "\n"


def full_page():
    """notebooks/results/README.md."""
    found = lines()
    with_figure = [one for one in found if one.said]
    apart = sum(one.apart for one in with_figure)
    more = sum(row.reported is None for row in own().values())
    parts = [figure_notes.HEAD.format(figures=len(with_figure), apart=apart, more=more)]
    for key in TITLES:
        parts.append(section(*key, [one for one in found if one.key[:2] == key]))
    return "\n".join(parts)


def written(text):
    """README with the table as it should be."""
    before, rest = text.split(START)
    return before + START + short_table() + END + rest.split(END)[1]


def pictures():
    """Path -> bytes."""
    found = {}
    for name, (notebook, words) in PICTURES.items():
        (cell,) = (cell for cell in rerun.read(rerun.FOLDER / f"{notebook}.ipynb").cells if words in cell.source)
        (data,) = (output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {}))
        found[rerun.FOLDER / "images" / name] = base64.b64decode(data)
    return found


if __name__ == "__main__":
    SHORT.write_text(written(SHORT.read_text(encoding="utf-8")), encoding="utf-8")
    FULL.write_text(full_page(), encoding="utf-8")
    for path, content in pictures().items():
        path.write_bytes(content)
