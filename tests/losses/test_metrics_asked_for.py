"""The accuracy, asked for by name, is measured or refused; functions under names of one's own."""

import functools
import pickle

import numpy as np
import pytest

import nncore as nc
from nncore.train._metrics import DEFAULT_METRICS

X = np.random.default_rng(0).normal(size=(60, 4))
LABELS = X[:, :3].argmax(axis=1)


def trainer_of(outputs, *layers, loss=None, **options):
    net = nc.Sequential(nc.Linear(4, outputs), *layers, seed=0)
    return nc.Trainer(net, loss or nc.MSELoss(), nc.SGD(lr=0.5), batch_size=60, shuffle=False, **options)


CASES = {  # outputs, targets, what is right of outputs
    "one-hot": (3, np.eye(3)[LABELS], lambda z: z.argmax(1) == LABELS),
    "0 and 1": (1, (LABELS == 1)[:, None].astype(float), lambda z: (z >= 0.5) == (LABELS == 1)[:, None]),
    "-1 and 1": (1, np.where(LABELS == 1, 1.0, -1.0)[:, None], lambda z: (z >= 0) == (LABELS == 1)[:, None]),
    "several of 0 and 1": (2, (X[:, :2] > 0).astype(float), lambda z: (z >= 0.5) == (X[:, :2] > 0)),
}


@pytest.mark.parametrize("loss", [nc.MSELoss, nc.L1Loss, nc.HuberLoss, nc.SmoothL1Loss])
@pytest.mark.parametrize("case", CASES)
def test_accuracy_of_losses_of_values(case, loss):
    outputs, y, right = CASES[case]
    trainer = trainer_of(outputs, nc.Sigmoid() if case != "-1 and 1" else nc.Tanh(), loss=loss())
    before = right(trainer.model(X)).mean()
    history = trainer.fit(X, y, epochs=20, metrics=["accuracy"], validation_data=(X[:20], y[:20]))
    assert history["accuracy"][0] == pytest.approx(before)
    assert history["val_accuracy"][-1] == pytest.approx(right(trainer.model(X))[:20].mean())
    assert trainer.evaluate(X, y, ["accuracy"])["accuracy"] == pytest.approx(right(trainer.model(X)).mean())
    assert trainer.evaluate(X, y)["accuracy"] > 0.5  # that of the last fit


@pytest.mark.parametrize("y", [X[:, :1], X[:, :3], np.eye(3)[LABELS] * 2, (LABELS == 1)[:, None] / 2])
def test_accuracy_of_values_is_refused_where_it_was_asked_for(y):
    trainer = trainer_of(y.shape[1])
    before = trainer.model.flat_parameters.copy()
    for call in (
        lambda: trainer.fit(X, y, metrics=["accuracy"]),
        lambda: trainer.fit(X, y, metrics=("accuracy", "mse")),
        lambda: trainer.evaluate(X, y, ["accuracy"]),
    ):
        with pytest.raises(nc.ConfigError, match=r"metrics: 'accuracy': expected targets that are classes"):
            call()
    assert np.array_equal(trainer.model.flat_parameters, before)
    assert "accuracy" not in trainer.fit(X, y, epochs=1) and "accuracy" not in trainer.evaluate(X, y)


def test_a_loss_of_ones_own_whose_targets_are_no_classes():
    class Any(nc.Loss):
        link = "sigmoid"

        def __call__(self, z, y):
            return 0.0, np.zeros_like(z)

    y = np.ones((60, 7))
    trainer = trainer_of(2, loss=Any())
    assert "accuracy" not in trainer.fit(X, y, epochs=1)
    with pytest.raises(nc.ConfigError, match="metrics: 'accuracy'"):
        trainer.fit(X, y, metrics=["accuracy"])


def test_sweeps_measure_it_too():
    y = np.eye(3)[LABELS]

    def build(lr, seed):
        net = nc.Sequential(nc.Linear(4, 3), seed=seed)
        return nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=lr), batch_size=20)

    table = nc.sweep(build, {"lr": [0.1]}, X, y, epochs=5, seeds=3, metrics=["accuracy"], validation_data=(X, y))
    assert all(row["val_accuracy"] > 0.3 for row in table)
    assert "accuracy" not in nc.sweep(build, {"lr": [0.1]}, X, y, epochs=2, seeds=3)[0]
    assert type(pickle.loads(pickle.dumps(DEFAULT_METRICS))) is type(DEFAULT_METRICS)  # so in joblib's workers, too


def share(y, z, label):
    return float(np.mean(z.argmax(1) == label))


def test_functions_under_names_of_ones_own():
    """Lambdas, partials and closures of one factory, beside each other."""
    trainer = trainer_of(3, loss=nc.CrossEntropyLoss())
    own = {
        "zeros": functools.partial(share, label=0),
        "ones": functools.partial(share, label=1),
        "spread": lambda y, z: float(z.std()),
    }
    history = trainer.fit(X, LABELS, epochs=1, metrics=own)
    z = trainer.model(X)
    assert "accuracy" not in history
    for name, f in own.items():
        assert history[name][0] == pytest.approx(f(LABELS, z)) == trainer.evaluate(X, LABELS, own)[name]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([functools.partial(share, label=i) for i in range(2)], r"'partial' again \(a dict gives names"),
        ([lambda y, z: 0.0, lambda y, z: 1.0], r"'<lambda>' again \(a dict gives names"),
        ({"loss": share}, "expected different names, got 'loss'"),
        ({"val_loss": 3}, "expected names of .* or functions, got 3"),
        ({3: share}, "expected functions with names"),
        ({"f": "accuracy"}, "expected names of .* or functions, got 'accuracy'"),
    ],
)
def test_names_that_are_none(metrics, message):
    with pytest.raises(nc.ConfigError, match=message):
        trainer_of(3, loss=nc.CrossEntropyLoss()).fit(X, LABELS, metrics=metrics)
