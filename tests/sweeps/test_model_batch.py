"""Small nets of a sweep train as one batch of models: as fits of their own do, whatever the other models are."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.nets import MODEL_BATCH, NETS, for_executor
from support.programs import command

PROGRAMS = Path(__file__).parent / "programs"
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
LOSSES = {
    "cross entropy": (nc.CrossEntropyLoss, lambda rng, n: rng.integers(0, 4, n)),
    "sum": (lambda: nc.CrossEntropyLoss(reduction="sum"), lambda rng, n: rng.integers(0, 4, n)),
    "mse": (nc.MSELoss, lambda rng, n: rng.normal(size=(n, 4))),
    "bce": (nc.BCEWithLogitsLoss, lambda rng, n: rng.integers(0, 2, (n, 4))),
}
OPTIMIZERS = {  # of model i, with numbers of its own where the optimizer knows how
    "SGD": lambda i: nc.SGD(lr=0.01 * (i + 1), weight_decay=0.01 * (i % 2)),
    "momentum": lambda i: nc.SGD(lr=0.01 * (i + 1), momentum=0.5 + 0.1 * (i % 5), dampening=0.1 * (i % 5)),
    "nesterov": lambda i: nc.SGD(lr=0.01, momentum=0.5 + 0.1 * i, nesterov=True),
    "Adam": lambda i: nc.Adam(lr=0.01 * (i + 1), betas=(0.9 - 0.1 * i, 0.99), weight_decay=0.1 * (i % 2)),
    "amsgrad": lambda i: nc.Adam(lr=0.01, amsgrad=True, eps=10.0 ** -(i + 3)),
    "AdamW": lambda i: nc.AdamW(lr=0.01, weight_decay=0.1 * i),
    "RMSprop": lambda i: nc.RMSprop(lr=0.001 * (i + 1)),
    "NAdam": lambda i: nc.NAdam(lr=0.001),
}


@pytest.fixture
def no_single_fits(monkeypatch):
    """Whoever fits alone fails."""

    def refused(self, *args, **options):
        raise AssertionError("a fit of its own")

    monkeypatch.setattr(nc.Trainer, "fit", refused)


def data(loss="cross entropy", n=43):
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, 3)), LOSSES[loss][1](rng, n)


def make(i, net="relu", loss="cross entropy", optimizer="SGD", dtype="float32", **options):
    """The trainer of model i."""
    model = NETS[net].build(seed=i, dtype=dtype)
    return nc.Trainer(model, LOSSES[loss][0](), OPTIMIZERS[optimizer](i), **{"batch_size": 10, "seed": i, **options})


def swept_together(models, X, y, *, sweep=None, **configuration):
    """(rows, trainers) of a sweep over models by number."""
    made = []

    def build(i, seed):
        made.append(make(i, **configuration))
        return made[-1]

    return nc.sweep(build, {"i": list(models)}, X, y, **{"steps": 20, **(sweep or {})}), made


def agree(trainer, own, tolerance):
    """Weights, optimizer state and history."""
    for ours, theirs in zip(trainer.model.parameters(), own.model.parameters(), strict=True):
        np.testing.assert_allclose(ours.value, theirs.value, rtol=tolerance, atol=tolerance, err_msg=ours.name)
    ours, theirs = trainer.state_dict(), own.state_dict()
    assert (
        ours["optimizer"]["step"] == theirs["optimizer"]["step"]
        and ours["optimizer"]["epoch"] == theirs["optimizer"]["epoch"]
    )
    for name, arrays in theirs["optimizer"]["state"].items():
        for part, values in arrays.items():
            np.testing.assert_allclose(
                ours["optimizer"]["state"][name][part], values, rtol=10 * tolerance, atol=tolerance
            )
    for table in ("epochs", "steps"):
        for name, values in getattr(own.history, table).items():
            if name != "seconds":
                np.testing.assert_allclose(getattr(trainer.history, table)[name], values, rtol=tolerance, err_msg=name)
    assert trainer.epoch == own.epoch and trainer.history.n_steps == own.history.n_steps


CASES = [(net, "cross entropy", "SGD", {}) for net in for_executor(MODEL_BATCH)]
CASES += [("one unit inside", "mse", "SGD", {"batch_size": n}) for n in range(2, 8)]
CASES += [("relu", loss, "SGD", {}) for loss in LOSSES if loss != "cross entropy"]
CASES += [("deep", "cross entropy", optimizer, {}) for optimizer in OPTIMIZERS if optimizer != "SGD"]
CASES += [
    ("deep", "mse", "Adam", options)
    for options in (
        {"l2": 0.1, "l1": 0.01},
        {"shuffle": False},
        {"drop_last": True},
        {"batch_size": None},
        {"batch_size": 17},
    )
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("net", "loss", "optimizer", "options"), CASES)
def test_each_is_as_a_fit_of_its_own(net, loss, optimizer, options, dtype, request):
    X, y = data(loss, 43 if options.get("batch_size", 1) else 30)
    configuration = {"net": net, "loss": loss, "optimizer": optimizer, "dtype": dtype, **options}
    owns = [make(i, **configuration) for i in range(5)]
    for own in owns:
        own.fit(X, y, steps=20)
    request.getfixturevalue("no_single_fits")
    rows, made = swept_together(range(5), X, y, **configuration)
    for row, trainer, own in zip(rows, made, owns, strict=True):
        agree(trainer, own, TOLERANCE[dtype])
        assert row["loss"] == pytest.approx(own.evaluate(X, y)["loss"], rel=TOLERANCE[dtype])


@pytest.mark.parametrize("isa", [name for name in nc._core.kernel_sets() if name != nc._core.kernel_set()])
def test_in_every_kernel_set(isa):
    env = {**os.environ, "NNCORE_ISA": isa}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        "own or neighbours",
    ]
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-3000:]


def bits(trainer):
    return trainer.model.flat_parameters.tobytes()


def test_neighbours_and_threads_change_no_bit(no_single_fits):
    X, y = data()
    numbers = list(range(40))
    together, made = swept_together(numbers, X, y, optimizer="momentum", sweep={"validation_data": (X, y)})
    rows = {row["i"]: {k: v for k, v in row.items() if k != "seconds"} for row in together}
    weights = {row["i"]: bits(trainer) for row, trainer in zip(together, made, strict=True)}
    assert len(set(weights.values())) == 40
    for order, jobs in (([3], 1), ([17, 2], 1), (numbers[::-1], 2), (numbers[5:30], 3)):
        some, made = swept_together(
            order, X, y, optimizer="momentum", sweep={"validation_data": (X, y), "n_jobs": jobs}
        )
        for row, trainer in zip(some, made, strict=True):
            assert bits(trainer) == weights[row["i"]]
            assert {k: v for k, v in row.items() if k != "seconds"} == rows[row["i"]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_breaks_disturbs_nobody_and_is_reported_as_by_its_own_fit(jobs):
    X, y = data("mse")
    rates = [0.01, 1e25, 0.1]

    def of(lr, seed):
        return nc.Trainer(NETS["relu"].build(seed=seed), nc.MSELoss(), nc.SGD(lr=lr), batch_size=10, seed=seed)

    def swept(rates):
        made = []
        rows = nc.sweep(
            lambda lr, seed: made.append(of(lr, seed)) or made[-1], {"lr": rates}, X, y, epochs=3, n_jobs=jobs
        )
        return rows, made

    rows, made = swept(rates)
    assert [row["status"] for row in rows] == ["ok", "diverged", "ok"]
    own = of(rates[1], 0)
    with pytest.raises(nc.NumericError) as caught:
        own.fit(X, y, 3)
    assert rows[1]["message"] == str(caught.value) and np.isnan(rows[1]["loss"])
    assert bits(made[1]) == bits(own)
    _, alone = swept([rates[0], rates[2]])
    assert [bits(trainer) for trainer in alone] == [bits(made[0]), bits(made[2])]


def test_epochs_metrics_and_validation_are_those_of_the_last_epoch():
    X, y = data("bce")
    held = data("bce", 20)
    configuration = {"loss": "bce", "net": "deep"}
    rows, made = swept_together(
        range(3),
        X,
        y,
        **configuration,
        sweep={"steps": None, "epochs": 4, "validation_data": held, "metrics": ["accuracy", "mse"]},
    )
    assert rows.metrics == ["loss", "accuracy", "mse", "val_loss", "val_accuracy", "val_mse"]
    for row, trainer in zip(rows, made, strict=True):
        own = make(row["i"], **configuration)
        history = own.fit(X, y, 4, validation_data=held, metrics=["accuracy", "mse"])
        for name in rows.metrics:
            assert row[name] == pytest.approx(history[name][-1], rel=1e-5), name
        assert trainer.epoch == 4 and len(trainer.history["loss"]) == 4


@pytest.mark.parametrize("first", [{"steps": 13}, {"steps": None, "epochs": 2}])
def test_a_trainer_goes_on_from_there(first):
    X, y = data()
    _, made = swept_together(range(3), X, y, optimizer="Adam", sweep=first)
    for i, trainer in enumerate(made):
        own = make(i, optimizer="Adam")
        own.fit(X, y, **{"epochs": 10, **first})
        for one in (trainer, own):
            one.fit(X, y, steps=9)
        agree(trainer, own, 1e-5)


def test_normalised_bytes():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (40, 3), dtype=np.uint8), rng.integers(0, 4, 40)

    def of(seed):
        model = NETS["relu"].build(seed=seed, input=nc.Normalize.from_data(X))
        return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10, seed=seed)

    made = []
    nc.sweep(lambda seed: made.append(of(seed)) or made[-1], {}, X, y, epochs=3, seeds=3)
    for seed, trainer in enumerate(made):
        own = of(seed)
        own.fit(X, y, 3)
        agree(trainer, own, 1e-5)


ALONE = {
    "large": lambda: {"model": [nc.Linear(3, 200), nc.ReLU(), nc.Linear(200, 4)]},
    "dropout": lambda: {"model": [nc.Linear(3, 5), nc.Dropout(0.5), nc.Linear(5, 4)]},
    "another activation": lambda: {"model": [nc.Linear(3, 5), nc.GELU(), nc.Linear(5, 4)]},
    "activation first": lambda: {"model": [nc.ReLU(), nc.Linear(3, 4)]},
    "smoothing": lambda: {"loss": nc.CrossEntropyLoss(label_smoothing=0.1)},
    "another loss": lambda: {"loss": nc.HingeLoss()},
    "schedule": lambda: {"optimizer": nc.SGD(lr=nc.StepLR(0.1, 2))},
    "a large batch": lambda: {"batch_size": 33},
    "single samples": lambda: {"batch_size": 1},
    "clipping": lambda: {"clip_grad_norm": 1.0},
    "ignore": lambda: {"on_nonfinite": "ignore"},
}


@pytest.mark.parametrize("what", ALONE)
def test_others_fit_alone(what):
    X, y = data()

    def of(seed):
        given = {
            "model": NETS["relu"].layers(),
            "loss": nc.CrossEntropyLoss(),
            "optimizer": nc.SGD(lr=0.1),
            **ALONE[what](),
        }
        model = nc.Sequential(*given.pop("model"), seed=seed)
        return nc.Trainer(model, given.pop("loss"), given.pop("optimizer"), seed=seed, **{"batch_size": 10, **given})

    made = []
    nc.sweep(lambda seed: made.append(of(seed)) or made[-1], {}, X, y, epochs=2, seeds=2)
    for seed, trainer in enumerate(made):
        own = of(seed)
        own.fit(X, y, 2)
        assert bits(trainer) == bits(own)


def test_labels_that_do_not_count_and_probabilities_fit_alone():
    X, y = data()
    y[::3] = -100
    for targets in (y, np.full((len(X), 4), 0.25)):
        _, (trainer,) = swept_together([0], X, targets)
        own = make(0)
        own.fit(X, targets, steps=20)
        assert bits(trainer) == bits(own)


def test_a_trainer_that_has_trained_already_goes_on_alone():
    X, y = data()
    made = []

    def pretrained(seed):
        made.append(make(seed))
        made[-1].fit(X, y, steps=3)
        return made[-1]

    nc.sweep(pretrained, {}, X, y, steps=5, seeds=2)
    own = make(1)
    own.fit(X, y, steps=3)
    own.fit(X, y, steps=5)
    assert bits(made[1]) == bits(own)


def test_a_resumed_sweep_gives_the_same_numbers(tmp_path, no_single_fits):
    X, y = data()
    whole, _ = swept_together(range(9), X, y)
    swept_together(range(0, 9, 2), X, y, sweep={"folder": tmp_path})
    resumed, made = swept_together(range(9), X, y, sweep={"folder": tmp_path})
    assert [trainer.history.n_steps for trainer in made] == [0, 20] * 4 + [0]
    assert [row["loss"] for row in resumed] == [row["loss"] for row in whole]


def test_many_kinds_wait_for_each_other(no_single_fits):
    """Groups fill across the grid: sizes alternate, rows stay in the order of the grid."""
    X, y = data()
    made = []

    def build(lr, hidden, seed):
        model = nc.Sequential(nc.Linear(3, hidden), nc.ReLU(), nc.Linear(hidden, 4), seed=seed)
        made.append(nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=10, seed=seed))
        return made[-1]

    rows = nc.sweep(build, {"lr": [0.1 * i for i in range(1, 20)], "hidden": [2, 3]}, X, y, epochs=1)
    assert [row["hidden"] for row in rows] == [2, 3] * 19
    assert all(trainer.epoch == 1 for trainer in made)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_ctrl_c_stops_them(jobs, tmp_path):
    program = command(PROGRAMS / "interrupted_batch.py", jobs, tmp_path)
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(4):
            assert process.stdout.readline() == "built\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT and err.rstrip().endswith("KeyboardInterrupt"), err
    assert [json.loads(path.read_text()) for path in tmp_path.iterdir()] == []
