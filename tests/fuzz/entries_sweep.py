"""Entry points of sweeps."""

import values
from entries import entry
from entries_model import X, small_net
from entries_train import Y

import nncore as nc


@entry("sweep")
def sweep(draw):
    def build(seed, lr=0.1, **_):
        return nc.Trainer(small_net(draw), nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=2, seed=seed)

    grid = draw.choice([{"lr": [0.1, 0.2]}, [{"lr": 0.1}, {"batch": 3}], {}, values.anything(draw)])
    options = {"epochs": 1, "progress": False}
    for key in ("validation_data", "steps", "epochs", "seeds", "n_jobs", "progress"):
        if draw.chance(0.15):
            options[key] = values.anything(draw)
    if isinstance(options.get("seeds"), int) and options["seeds"] > 3:
        options["seeds"] = 3
    table = nc.sweep(build if draw.chance(0.9) else values.anything(draw), grid, X, Y, **options)
    repr(table)
    if len(table):
        table.best(draw.choice(["loss", "accuracy", "x", values.anything(draw)]))
