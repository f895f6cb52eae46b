"""Writes README's table of reported and own figures from the result files: `python tests/notebooks/readme_figures.py`."""

from pathlib import Path

from nncore.cli.experiments._comparison import ours, read_csv

ROOT = Path(__file__).parents[2]
START, END = "<!-- figures: written by tests/notebooks/readme_figures.py -->\n", "<!-- end of figures -->\n"

SHOWN = {  # experiment: tables and, of each, the figures shown
    "E0": {"dcn_runs": ["final_test_accuracy"]},
    "E1": {"perceptron": ["test_accuracy"], "mlp": ["train_loss", "test_loss", "test_accuracy"], "batch_size": ["test_accuracy"]},
    "E3": {"dropout": ["test_accuracy"]},
    "E4": {"rosenbrock": ["f"], "shallow": ["test_accuracy"], "deep": ["ratio"]},
}
TITLES = {
    "dcn_runs": "convolutional net on MNIST",
    "dropout": "Dropout with BatchNorm, MNIST",
    "perceptron": "perceptron",
    "mlp": "2-20-2 on moons",
    "batch_size": "batch sizes on moons",
    "rosenbrock": "Rosenbrock, 100 000 steps",
    "shallow": "MNIST, 30 epochs",
    "deep": "gradient, first / last layer",
}


def table():
    """The rows, as Markdown."""
    lines = ["| experiment | setting | figure | reported | ours | runs |", "|---|---|---|---|---|---|"]
    for experiment, tables in SHOWN.items():
        for row in read_csv(ROOT / "notebooks" / "results" / f"{experiment}.csv"):
            if row.reported is not None and row.metric in tables.get(row.table, ()):
                figure = row.metric.replace("_", " ")
                said = f"{row.reported:.6g}"
                mine = ours(row) if row.runs > 1 else f"{row.mean:.6g}"
                cells = (f"{experiment}, {TITLES[row.table]}", row.setting, figure, said, mine, str(row.runs))
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def written(text):
    """README with the table as it should be."""
    before, rest = text.split(START)
    return before + START + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(written(readme.read_text(encoding="utf-8")), encoding="utf-8")
