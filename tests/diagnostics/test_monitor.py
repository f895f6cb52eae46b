"""Monitor: numbers against NumPy on the same tensors, training unchanged, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nncore as nc


def data(n=48):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 2, n)


def make_net(dtype="float32", dropout=0.0):
    layers = [nc.Linear(3, 9), nc.Tanh(), nc.Linear(9, 7), nc.ReLU(), nc.Dropout(dropout), nc.Linear(7, 2)]
    return nc.Sequential(*layers, seed=3, dtype=dtype)


def expected_numbers(x):
    x = np.asarray(x, np.float64)
    return {
        "min": x.min(),
        "max": x.max(),
        "mean": x.mean(),
        "std": x.std(),
        "norm": np.sqrt((x**2).sum()),
        "zeros": (x == 0).mean(),
        "nonfinite": 0.0,
    }


def check_tensor(seen, x, rtol=1e-6):
    for key, value in expected_numbers(x).items():
        assert_allclose(seen[key], value, rtol=rtol, atol=1e-12, err_msg=key)
    x = np.asarray(x, np.float64)
    counts, edges = np.histogram(x, bins=len(seen["histogram"]))
    assert_allclose(seen["edges"], edges, rtol=1e-5, atol=1e-7)
    assert seen["histogram"].sum() == x.size
    assert np.abs(seen["histogram"] - counts).sum() <= 4  # an element at an edge may round to the other side


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layers", ["dense", "images"])
def test_numbers_are_numpys_on_the_same_tensors(dtype, layers):
    X, y = data()
    if layers == "images":
        X = np.random.default_rng(1).normal(size=(12, 1, 8, 8)).astype(np.float32)
        y = y[:12]
        net = nc.Sequential(
            nc.Conv2d(1, 5, 3, padding=1),
            nc.ReLU(),
            nc.MaxPool2d(2),
            nc.Flatten(),
            nc.Linear(80, 2),
            dtype=dtype,
            seed=1,
        )
    else:
        net = make_net(dtype)
    l2 = 0.1
    reference = net.copy()
    monitor = nc.Monitor(bins=10)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=None, l2=l2)
    trainer.fit(X, y, epochs=1, callbacks=[monitor])
    record = monitor.records[0]

    z = reference.forward(X, training=True)
    value, dz = nc.CrossEntropyLoss()(z, y)
    reference.zero_grad()
    reference.backward(dz)
    squares = 0.0
    for parameter, after in zip(reference.parameters(), net.parameters(), strict=True):
        value_before = parameter.value
        check_tensor(record[parameter.name], value_before)
        penalty = l2 * value_before if parameter.name.endswith("weight") else 0.0
        gradient = np.asarray(parameter.grad, np.float64) + penalty
        squares += (gradient**2).sum()
        check_tensor(record[parameter.name + ".grad"], gradient, rtol=2e-5 if dtype == "float32" else 1e-9)
        ratio = np.linalg.norm(after.value - value_before) / np.linalg.norm(value_before)
        assert_allclose(record[parameter.name]["update_ratio"], ratio, rtol=1e-3 if dtype == "float32" else 1e-9)
        value += l2 / 2 * (np.asarray(value_before, np.float64) ** 2).sum() * parameter.name.endswith("weight")
    assert_allclose(record.loss, value, rtol=1e-6)
    assert_allclose(record.grad_norm, np.sqrt(squares), rtol=1e-5)
    for name, output in reference.activations(X).items():
        check_tensor(record[f"{name}.output"], output)
    last = len(net) - 1
    check_tensor(record[f"{last}.output.grad"], dz)


def test_layers_inside_of_others_are_seen():
    X, y = data()
    net = nc.Sequential(
        nc.Linear(X.shape[1], 4), nc.Residual(nc.Linear(4, 4), nc.Residual(nc.Tanh(), nc.Linear(4, 4)), nc.ReLU()),
        nc.Linear(4, 2),
        dtype="float64", seed=1,
    )  # fmt: skip
    W0, b0, W1, b1, W2, b2, W3, b3 = (p.value.copy() for p in net.parameters())
    x = X @ W0.T + b0
    a = x @ W1.T + b1
    t = np.tanh(a)
    f = t @ W2.T + b2
    r = a + f
    h = np.maximum(r, 0)
    _, dz = nc.CrossEntropyLoss()((x + h) @ W3.T + b3, y)
    dh = dz @ W3
    dr = dh * (r > 0)
    dt = dr @ W2
    monitor = nc.Monitor(bins=10)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=None).fit(X, y, 1, callbacks=[monitor])
    record = monitor.records[0]
    inside = {"0": (a, dr + dt * (1 - t**2)), "1.0": (t, dt), "1.1": (f, dr), "1": (r, dr), "2": (h, dh)}
    for name, (output, gradient) in inside.items():
        check_tensor(record[f"1.{name}.output"], output, rtol=1e-9)
        check_tensor(record[f"1.{name}.output.grad"], gradient, rtol=1e-9)
    assert record["1.2.output"]["dead"] == (h == 0).all(axis=0).mean()
    assert monitor.kinds["1.0.output"] == "net input" and monitor.kinds["1.1.0.output.grad"] == "activation gradient"
    assert set(monitor.kinds) == set(record)


def test_dead_and_saturated_units():
    net = nc.Sequential(nc.Linear(1, 4), nc.ReLU(), nc.Linear(4, 3), nc.Tanh(), nc.Linear(3, 2), nc.Sigmoid(), seed=0)
    net[0].parameters()[0].value = [[1.0], [-1.0], [0.0], [1.0]]
    net[0].parameters()[1].value = [0.0, -5.0, -1.0, 5.0]  # on 1, 2: alive, dead, dead, alive
    net[2].parameters()[0].value = np.zeros((3, 4))
    net[2].parameters()[1].value = [0.0, 5.0, -5.0]  # tanh: one in range, two not
    net[4].parameters()[0].value = np.zeros((2, 3))
    net[4].parameters()[1].value = [0.0, -5.0]  # sigmoid: 1/2 and 0.0067
    monitor = nc.Monitor()
    X, y = np.array([[1.0], [2.0]], np.float32), np.zeros((2, 2), np.float32)
    nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=1, callbacks=[monitor])
    record = monitor.records[0]
    assert record["1.output"]["dead"] == 0.5 and np.isnan(record["1.output"]["saturated"])
    assert_allclose(record["3.output"]["saturated"], 2 / 3)
    assert_allclose(record["5.output"]["saturated"], 1 / 2)
    assert np.isnan(record["0.output"]["dead"]) and np.isnan(record["0.weight"]["saturated"])
    assert record["2.weight"]["edges"][0] == -0.5 and record["2.weight"]["histogram"].sum() == 12  # a constant


def test_the_ends_of_the_working_range_are_inside():
    """Tanh works in [-0.99, 0.99]: outputs of exactly that, found among the doubles near atanh, and one bit beyond."""
    near = np.arctanh(0.99) + np.arange(-400, 400) * np.spacing(np.arctanh(0.99))
    y = nc.functional.tanh(near)
    at, beyond = near[y == 0.99][0], near[y == np.nextafter(0.99, 1)][0]
    net = nc.Sequential(nc.Linear(1, 5), nc.Tanh(), dtype="float64", seed=0)
    net[0].parameters()[0].value = np.zeros((5, 1))
    net[0].parameters()[1].value = [at, -at, 0.0, beyond, -beyond]
    monitor = nc.Monitor()
    nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).fit(np.ones((1, 1)), np.zeros((1, 5)), epochs=1, callbacks=[monitor])
    assert_allclose(monitor.records[0]["1.output"]["saturated"], 2 / 5)


def test_a_channel_is_dead_when_all_its_pixels_are():
    net = nc.Sequential(nc.Conv2d(1, 4, 1), nc.ReLU(), nc.Flatten(), nc.Linear(16, 2), seed=0)
    net[0].parameters()[0].value = np.zeros((4, 1, 1, 1))
    net[0].parameters()[1].value = np.array([1.0, -1.0, -1.0, -1.0])
    monitor = nc.Monitor()
    X, y = np.ones((3, 1, 2, 2), np.float32), np.array([0, 1, 0])
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X, y, epochs=1, callbacks=[monitor])
    assert monitor.records[0]["1.output"]["dead"] == 0.75


@pytest.mark.parametrize("batch_size", [1, 16, None])
@pytest.mark.parametrize("options", [{}, {"clip_grad_norm": 0.1, "l2": 0.01}])
def test_looking_changes_no_bit_and_sees_the_steps_own_mask(batch_size, options):
    X, y = data()
    results = []
    for monitor in ([], [nc.Monitor(every=3), nc.Monitor(every=1, per="epoch", histograms=False)]):
        net = make_net(dropout=0.4)
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=batch_size, **options)
        history = trainer.fit(X, y, epochs=5, callbacks=monitor)
        results.append((net.flat_parameters.copy(), history.steps["loss"], history))
    assert_array_equal(results[0][0], results[1][0])
    assert_array_equal(results[0][1], results[1][1])
    steps, epochs = monitor
    assert_array_equal(steps.steps, np.arange(0, results[1][2].n_steps, 3))
    assert_array_equal(epochs.steps, np.arange(5) * (results[1][2].n_steps // 5))
    assert_allclose(steps.loss, results[0][1][::3], rtol=1e-5)
    seen = results[1][2].steps["grad_norm"][::3]
    assert_allclose(seen, steps.grad_norm, rtol=1e-5)
    if not options:
        missing = np.isnan(results[1][2].steps["grad_norm"])
        assert missing.sum() == results[1][2].n_steps - len(set(steps.steps) | set(epochs.steps))


def test_batch_norm_statistics_stay_as_they_are():
    X, y = data()
    found = []
    for callbacks in ([], [nc.Monitor(every=1)]):
        net = nc.mlp([3, 8, 2], batch_norm=True, seed=0)
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=12).fit(X, y, epochs=2, callbacks=callbacks)
        found.append(net.state_dict())
    for name, value in found[0].items():
        assert_array_equal(value, found[1][name], err_msg=name)


def test_a_fit_that_goes_on_is_written_down_further_and_another_trainer_begins_anew():
    X, y = data()
    monitor = nc.Monitor(every=4)
    for _ in range(2):
        trainer = nc.Trainer(make_net(), nc.CrossEntropyLoss(), nc.SGD(), batch_size=16)
        trainer.fit(X, y, epochs=2, callbacks=[monitor])
        assert_array_equal(monitor.steps, [0, 4])
        trainer.fit(X, y, epochs=1, callbacks=[monitor])
        assert_array_equal(monitor.steps, [0, 4, 8])


def test_memory_is_bounded():
    X, y = data()
    monitor = nc.Monitor(every=1, max_records=10)
    trainer = nc.Trainer(make_net(), nc.CrossEntropyLoss(), nc.SGD(), batch_size=16)
    trainer.fit(X, y, epochs=15, callbacks=[monitor])
    assert_array_equal(monitor.steps, np.arange(0, 45, 8))


def test_the_old_name_of_max_records_works_and_warns():
    X, y = data()
    with pytest.warns(DeprecationWarning, match="most is called max_records now"):
        monitor = nc.Monitor(every=1, most=10)
    nc.Trainer(make_net(), nc.CrossEntropyLoss(), nc.SGD(), batch_size=16).fit(X, y, epochs=15, callbacks=[monitor])
    assert_array_equal(monitor.steps, np.arange(0, 45, 8))


def test_numbers_that_are_not_finite_are_counted_and_left_out():
    X, y = data()
    net = make_net()
    monitor = nc.Monitor(every=1)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e30), batch_size=16, on_nonfinite="ignore")
    trainer.fit(X, y, epochs=2, callbacks=[monitor])
    assert monitor["2.weight"]["nonfinite"][0] == 0 and monitor["2.weight"]["nonfinite"][-1] == 1
    assert np.isnan(monitor["2.weight"]["mean"][-1]) and monitor["2.weight"]["histogram"][-1].sum() == 0


def test_what_broke_a_fit_was_seen():
    X, y = data()
    monitor = nc.Monitor(every=1)
    trainer = nc.Trainer(make_net(), nc.CrossEntropyLoss(), nc.SGD(lr=1e30), batch_size=16)
    with pytest.raises(nc.NumericError):
        trainer.fit(X, y, epochs=2, callbacks=[monitor])
    assert len(monitor.records) >= 2
    assert np.isfinite(trainer.model.flat_parameters).all()


def test_layers_written_in_python_are_seen():
    class Double(nc.Layer):
        def forward(self, x, training):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    X, y = data()
    monitor = nc.Monitor()
    net = nc.Sequential(nc.Linear(3, 2), Double(), seed=0)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X, y, epochs=1, callbacks=[monitor])
    record = monitor.records[0]
    assert_allclose(record["1.output"]["max"], 2 * record["0.output"]["max"], rtol=1e-6)
    assert_allclose(record["0.output.grad"]["norm"], 2 * record["1.output.grad"]["norm"], rtol=1e-6)


def test_a_callback_that_raises_in_an_observation_leaves_a_usable_model():
    class Broken(nc.Monitor):
        def on_observation(self, observation):
            raise RuntimeError("no more")

    X, y = data()
    net = make_net()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), batch_size=16)
    with pytest.raises(RuntimeError, match="no more"):
        trainer.fit(X, y, epochs=2, callbacks=[Broken(every=4)])
    assert trainer.history.n_steps == 1
    assert net(X).shape == (48, 2)
    trainer.fit(X, y, epochs=1)


def test_errors():
    for arguments in (
        {"every": 0},
        {"bins": 0},
        {"per": "batch"},
        {"histograms": 2},
        {"max_records": 1},
        {"every": 1.5},
    ):
        with pytest.raises(nc.ConfigError, match=r"\[Monitor\]"):
            nc.Monitor(**arguments)
    monitor = nc.Monitor()
    assert not monitor and len(monitor) == 0
    with pytest.raises(nc.StateError, match="no observations yet"):
        monitor["0.weight"]
    X, y = data()
    nc.Trainer(make_net(), nc.CrossEntropyLoss(), nc.SGD()).fit(X, y, epochs=1, callbacks=[monitor])
    with pytest.raises(KeyError, match="0.weight"):
        monitor["9.weight"]
    assert set(monitor) == set(monitor.kinds)
