"""Which way a number is better: one table for callbacks, schedules, tables and histories; asked for where unknown."""

import numpy as np
import pytest

import nncore as nc

LARGER = ["accuracy", "balanced_accuracy", "top5", "r2", "f1", "precision", "recall", "auc"]
SMALLER = ["loss", "log_loss", "mse", "mae", "perplexity", "hinge_loss"]
UNKNOWN = ["specificity", "accuracy_top1", "my_f1", "auc2", "lossy", "spread"]


def by_early_stopping(name, values, mode):
    stop = nc.EarlyStopping(name, mode=mode)
    for epoch, value in enumerate(values, 1):
        stop.on_epoch_end({"epoch": epoch, name: value})
    return stop.best


def by_model_checkpoint(name, values, mode):
    class Trainer:  # stands for the trainer and for its model
        saves = epoch = 0

        @property
        def model(self):
            return self

        def save(self, path):
            self.saves += 1

    trainer, keeper, best = Trainer(), nc.ModelCheckpoint("net", name, mode), None
    keeper.on_fit_begin(trainer)
    for value in values:
        before = trainer.saves
        keeper.on_epoch_end({name: value})
        best = value if trainer.saves > before else best
    return best


def by_sweep_table(name, values, mode):
    rows = [{"lr": i, "seed": 0, name: v, "seconds": 0.1, "status": "ok"} for i, v in enumerate(values)]
    return nc.SweepTable(rows).best(name, mode=mode)[name]


def by_plateau(name, values, mode):
    """What the schedule keeps as the best of a metric "val_…"."""
    X, y = np.arange(8.0).reshape(-1, 1), np.arange(8) % 2
    schedule = nc.ReduceLROnPlateau(0.1, name, mode=mode, threshold=0.0)
    trainer = nc.Trainer(nc.mlp([1, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=schedule))
    numbers = iter([value for value in values for _ in ("training data", "validation data")])

    def measured(y_true, outputs):
        return next(numbers)

    measured.__name__ = name.removeprefix("val_")
    trainer.fit(X, y, epochs=len(values), metrics=[measured], validation_data=(X, y))
    return trainer.optimizer.state_dict()["schedule"]["best"]


WAYS = [by_early_stopping, by_model_checkpoint, by_sweep_table]
VALUES = [0.5, 0.9, float("nan"), 0.1, 0.4]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefix", ["", "val_", "test_"])
@pytest.mark.parametrize("name", LARGER + SMALLER)
def test_known_names(way, prefix, name):
    """With NaN among the numbers, which is never the best; `mode` overrules the name."""
    best = 0.9 if name in LARGER else 0.1
    assert way(prefix + name, VALUES, "auto") == best
    assert way(prefix + name, VALUES, "max") == 0.9 and way(prefix + name, VALUES, "min") == 0.1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefix", ["", "val_", "test_"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names_need_a_mode(way, prefix, name):
    with pytest.raises(nc.ConfigError, match=r"mode: expected 'min' or 'max', for the name '.*' does not tell"):
        way(prefix + name, VALUES, "auto")
    assert way(prefix + name, VALUES, "max") == 0.9 and way(prefix + name, VALUES, "min") == 0.1


@pytest.mark.parametrize("name", [*LARGER, *SMALLER, *UNKNOWN])
def test_the_compiled_schedule_reads_the_same_table(name):
    """Numbers of one's own under each name that is free, with "val_" and without."""
    if name not in UNKNOWN:
        nc.ReduceLROnPlateau(0.1, name), nc.ReduceLROnPlateau(0.1, "val_" + name)
    else:
        for full in (name, "val_" + name):
            with pytest.raises(nc.ConfigError, match=rf"\[ReduceLROnPlateau\] mode: .* for the name '{full}'"):
                nc.ReduceLROnPlateau(0.1, full)
    if name in ("accuracy", "top5", "r2", "mse", "mae", "loss"):
        return  # names that a fit does not give to functions
    for mode in ("auto", "min", "max") if name not in UNKNOWN else ("min", "max"):
        larger = mode == "max" or (mode == "auto" and name in LARGER)
        assert by_plateau("val_" + name, [0.5, 0.9, float("nan"), 0.1], mode) == (0.9 if larger else 0.1)


def test_a_plateau_is_not_broken_by_a_state_of_nan():
    trainer = nc.Trainer(nc.mlp([1, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=nc.ReduceLROnPlateau(0.1, "loss")))
    trainer.fit(np.ones((4, 1)), np.array([0, 1, 0, 1]), epochs=1)
    state = trainer.optimizer.state_dict()
    state["schedule"]["best"] = float("nan")
    with pytest.raises(nc.ConfigError, match=r"\[ReduceLROnPlateau\] best: expected a number, got nan"):
        trainer.optimizer.load_state_dict(state)


@pytest.mark.parametrize("mode", ["up", None, 1, ["max"]])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_mode(way, mode):
    with pytest.raises(nc.ConfigError, match=r"mode: expected one of \('auto', 'min', 'max'\)"):
        way("loss", VALUES, mode)


def test_f1_of_ones_own_goes_up():
    """A function called f1 is an F1 score: training goes on while it grows, and the larger one is the best."""
    X, y = nc.datasets.make_moons(300, noise=0.3, seed=0)
    held = nc.datasets.make_moons(300, noise=0.3, seed=1)

    def f1(y, z):
        s = z.argmax(1)
        return 2 * np.sum((s == 1) & (y == 1)) / max(1, np.sum(s == 1) + np.sum(y == 1))

    def build(lr, seed):
        return nc.Trainer(nc.mlp([2, 16, 2], seed=seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr))

    stop = nc.EarlyStopping("val_f1", patience=3)
    history = build(0.3, 0).fit(X, y, epochs=30, validation_data=held, metrics=[f1], callbacks=[stop])
    assert stop.best == history["val_f1"].max() and len(history["loss"]) > 4
    table = nc.sweep(build, {"lr": [1e-4, 0.3]}, X, y, epochs=10, validation_data=held, metrics=[f1])
    assert table.best("val_f1")["lr"] == 0.3 and table.best("val_f1", mode="min")["lr"] == 1e-4


def test_the_column_best_of_a_history():
    """Largest, smallest, and nothing where the name does not tell; NaN is never the best."""
    nan = float("nan")
    numbers = {"loss": [3.0, 1.0, 2.0], "val_f1": [nan, 0.25, 0.125], "spread": [7.0, 5.0, 6.0]}
    history = nc.History()
    history.epochs.update(epoch=np.arange(1, 4), lr=np.full(3, 0.5), seconds=np.full(3, 0.1))
    history.epochs.update({name: np.array(values) for name, values in numbers.items()})
    rows = {row.split("</td>")[0][-len(name) :]: row.split("<td")[1:] for row in history._repr_html_().split("<tr>")
            for name in [*numbers, "lr"] if f">{name}</td>" in row}  # fmt: skip
    best = {name: cells[2].split(">")[1].split("<")[0] for name, cells in rows.items()}
    assert best == {"loss": "1", "val_f1": "0.25", "spread": "", "lr": ""}
