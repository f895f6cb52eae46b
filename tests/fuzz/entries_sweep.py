"""Entry points of sweeps."""

import warnings

import values
from entries import entry
from entries_model import X, small_net
from entries_train import Y

import nncore as nc


@entry("sweep", files=True)
def sweep(draw):
    def build(seed, lr=0.1, **_):
        return nc.Trainer(small_net(draw), nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=2, seed=seed)

    grid = draw.choice([{"lr": [0.1, 0.2]}, [{"lr": 0.1}, {"batch": 3}], {}, values.anything(draw)])
    options = {"epochs": 1, "progress": False}
    for key in (
        "validation_split",
        "test_data",
        "on_error",
        "validation_data",
        "steps",
        "epochs",
        "seeds",
        "n_jobs",
        "progress",
        "metrics",
        "folder",
    ):
        if draw.chance(0.15):
            options[key] = values.anything(draw)
    if isinstance(options.get("folder"), str):
        options["folder"] = f"{draw.folder()}/{options['folder'].replace('..', '')}"
    if isinstance(options.get("seeds"), int) and options["seeds"] > 3:
        options["seeds"] = 3
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\[sweep\] .* runs failed", RuntimeWarning)
        table = nc.sweep(build if draw.chance(0.9) else values.anything(draw), grid, X, Y, **options)
    repr(table)
    if len(table):
        table.best(draw.choice(["loss", "accuracy", "x", values.anything(draw)]))


@entry("SweepTable")
def sweep_table(draw):
    """A table whose rows were changed by hand."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    numbers = {"loss": 0.5, "accuracy": 0.25, "seconds": 0.1, "status": "ok", "message": ""}
    table = nc.SweepTable({"lr": lr, "seed": seed, **numbers} for lr in (0.1, 0.2) for seed in (0, 1))
    for _ in range(draw.choice([1, 2])):
        row = draw.choice(table)
        if isinstance(row, dict) and draw.chance(0.8):
            key = draw.choice([*row, "seed", "status", "loss", draw.choice(values.TEXTS)])
            draw.note(key)
            if key in row and draw.chance(0.3):
                del row[key]
            else:
                row[key] = values.anything(draw)
        else:
            table[draw.randrange(len(table))] = values.anything(draw)
    metric = draw.choice([None, "loss", "accuracy", values.anything(draw)])
    calls = [repr, lambda t: t._repr_html_(), lambda t: t.parameters, lambda t: t.metrics, lambda t: t.best(metric)]
    calls += [
        lambda t: t[values.anything(draw)],
        lambda t: t.summary(metric),
        lambda t: t.where(lr=values.anything(draw)),
    ]
    calls += [lambda t: t.summary(over=values.anything(draw)), lambda t: t.sorted(draw.choice(["lr", "loss", "x"]))]
    calls += [lambda t: t.to_dict(), lambda t: t.best(metric, over="seed", mode=draw.choice(["min", "auto"]))]
    try:
        draw.choice([*calls, lambda t: t.plot(metric, x=draw.choice([None, "lr", "seed", values.scalar(draw)]))])(table)
    finally:
        plt.close("all")
