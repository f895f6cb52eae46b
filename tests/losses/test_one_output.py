"""Targets (N,) for one output are those of shape (N, 1), in every loss of values and wherever targets are taken."""

import re

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, loss_case, make, names, traits

N = 12
X = np.random.default_rng(0).normal(size=(N, 3))
LOSSES = [name for name in names("loss") if "ignore_index" not in {f["name"] for f in SCHEMAS["loss", name]["fields"]}]


def targets_of(name):
    y = loss_case(name, {}, (1,), np.random.default_rng(1), N)[1]
    return y.reshape(N).astype(np.float64)


def trainer_of(name, dtype="float64", seed=0):
    net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 1), dtype=dtype, seed=seed)
    return nc.Trainer(net, make("loss", name, {}), nc.SGD(lr=0.1), batch_size=5, seed=0)


def fitted(name, y, **data):
    trainer = trainer_of(name)
    history = trainer.fit(X, y, 3, progress=False, **data)
    return {k: v.tolist() for k, v in history.epochs.items() if k != "seconds"}, trainer.model.flat_parameters.tolist()


def swept(name, y):
    def build(lr, seed):
        net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 1), seed=seed)
        return nc.Trainer(net, make("loss", name, {}), nc.SGD(lr=lr), batch_size=5)

    table = nc.sweep(build, {"lr": [0.1, 0.01]}, X, y, epochs=2, seeds=3, validation_data=(X, y), progress=False)
    return [(row["loss"], row["val_loss"]) for row in table]


USES = {
    "fit": fitted,
    "validation_data": lambda name, y: fitted(name, targets_of(name), validation_data=(X, y)),
    "validation_split": lambda name, y: fitted(name, y, validation_split=0.25)[1] and True,  # (N,) is stratified
    "test_data": lambda name, y: fitted(name, targets_of(name), test_data=(X, y)),
    "step": lambda name, y: trainer_of(name).step(X, y),
    "evaluate": lambda name, y: trainer_of(name).evaluate(X, y),
    "evaluate, float32": lambda name, y: trainer_of(name, "float32").evaluate(X, y),
    "loss": lambda name, y: make("loss", name, {})(trainer_of(name).model(X), y)[1].tolist(),
    "value": lambda name, y: make("loss", name, {}).value(trainer_of(name).model(X), y),
    "gradcheck": lambda name, y: str(nc.gradcheck(trainer_of(name).model, make("loss", name, {}), X, y)),
    "gradient_flow": lambda name, y: nc.gradient_flow(trainer_of(name).model, make("loss", name, {}), X, y).norms,
    "sweep": swept,
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", LOSSES)
def test_rows_are_taken_as_a_column(name, use):
    y = targets_of(name)
    expected = USES[use](name, y[:, None])
    given = [y, y.tolist()]
    if np.array_equal(y, y.astype(int)):
        given.append(y.astype(int))
    for form in given:
        assert USES[use](name, form) == expected


@pytest.mark.parametrize("name", LOSSES)
def test_and_so_are_those_of_sequences_of_one_output(name):
    if traits("loss", name).get("signs"):
        pytest.skip("takes outputs (N, 1) alone")
    z, y = np.random.default_rng(2).normal(size=(4, 3, 1)), targets_of(name).reshape(4, 3)
    loss = make("loss", name, {})
    assert loss(z, y)[0] == loss(z, y[..., None])[0]
    assert np.array_equal(loss(z, y)[1], loss(z, y[..., None])[1])


@pytest.mark.parametrize("use", sorted(set(USES) - {"validation_split", "sweep"}))  # where failed runs are rows
@pytest.mark.parametrize("name", LOSSES)
def test_what_would_be_broadcast_is_refused(name, use):
    """Never (N,) against (N, 1) as (N, N), nor one row for all, nor one number."""
    y = targets_of(name)
    for bad in (y[None], y[:1], y[:, None, None], np.stack([y, y], axis=1), y[:-1], y[0]):
        with pytest.raises((nc.ShapeError, nc.ConfigError), match="expected"):
            USES[use](name, bad)


VALUES = [name for name in LOSSES if not traits("loss", name).get("signs")]


@pytest.mark.parametrize("name", VALUES)
def test_labels_for_several_outputs_are_told_what_to_do(name):
    z, labels = np.zeros((6, 3)), np.array([0, 1, 2, 2, 1, 0])
    one_hot = {"(N,)": (labels, "y"), "from 1": (labels + 1, "y - 1"), "(N, 1)": (labels[:, None], "y.ravel()")}
    for y, text in one_hot.values():
        for form in (y, y.astype(float)):
            line = f"for labels use nc.CrossEntropyLoss(), or nc.functional.one_hot({text}, 3)"
            with pytest.raises(nc.ShapeError, match=re.escape(line)):
                make("loss", name, {})(z, form)
            y_hot = eval(f"nc.functional.one_hot({text}, 3)", {"nc": nc, "y": form.astype(int)})
            assert make("loss", name, {}).value(z, y_hot) == make("loss", name, {}).value(z, np.eye(3)[labels])
    net = nc.Sequential(nc.Linear(3, 3), seed=0)
    with pytest.raises(nc.ShapeError, match=r"y: expected \(12, 3\), got \(12,\) \(for one target a sample"):
        nc.Trainer(net, make("loss", name, {}), nc.SGD()).fit(X, X[:, 0] ** 2, progress=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_regression_of_rows_learns(dtype):
    """As PyTorch's broadcasting does not: there all outputs go to the mean."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X @ [1.0, -2.0, 0.5] + 3
    net = nc.Sequential(nc.Linear(3, 1), dtype=dtype, seed=0)
    metrics = ["r2", "mae", {"same shape": lambda t, z: float(t.shape == z.shape == (200, 1))}]
    history = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).fit(X, y, 50, metrics=metrics, progress=False)
    assert history["loss"][-1] < 1e-4 and history["r2"][-1] > 0.999 and history["same shape"][-1] == 1
    np.testing.assert_allclose(net.predict(X)[:, 0], y, atol=1e-2)


def test_a_loss_of_ones_own_gets_targets_as_they_are_given():
    shapes = []

    class Own(nc.Loss):
        def __call__(self, z, y):
            shapes.append(y.shape)
            d = z - y.reshape(z.shape)
            return float((d**2).mean()), 2 * d / d.size

    y = targets_of("MSELoss")
    for form in (y, y[:, None]):
        net = nc.Sequential(nc.Linear(3, 1), seed=0)
        nc.Trainer(net, Own(), nc.SGD(), batch_size=None).fit(X, form, 1, progress=False)
        assert set(shapes) == {form.shape}
        shapes.clear()


def test_a_loss_of_ones_own_that_broadcasts_is_refused():
    class Broad(nc.Loss):
        def forward(self, z, y):
            self.d = z - y
            return (self.d**2).mean()

        def backward(self):
            return 2 * self.d / self.d.size

    net = nc.Sequential(nc.Linear(3, 1), seed=0)
    with pytest.raises(nc.ShapeError, match=r"\[Broad\] dz: .*, got \(5, 5\) \(y.reshape\(z.shape\)"):
        nc.Trainer(net, Broad(), nc.SGD(), batch_size=5).fit(X, targets_of("MSELoss"), 1, progress=False)
