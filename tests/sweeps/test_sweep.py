"""sweep: its rows against fits of one's own, the grid, copies, divergence, errors."""

import numpy as np
import pytest

import nncore as nc


def net(hidden, seed, dtype="float32"):
    return nc.Sequential(nc.Linear(2, hidden), nc.ReLU(), nc.Linear(hidden, 2), seed=seed, dtype=dtype)


def build(hidden=4, lr=0.1, *, seed):
    return nc.Trainer(net(hidden, seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, seed=seed)


def near(value):
    """Small nets train as a batch of models, where sums have another order than in a fit of one's own."""
    return pytest.approx(value, rel=1e-5)


@pytest.fixture
def moons():
    X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    return X[:80], y[:80], (X[80:], y[80:])


def numbers(table):
    """All that does not depend on the clock."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in table]


def test_rows_are_the_fits_of_ones_own(moons):
    X, y, held = moons
    table = nc.sweep(build, {"hidden": [3, 5], "lr": [0.1, 0.5]}, X, y, validation_data=held, epochs=4, seeds=2)
    assert isinstance(table, list) and len(table) == 8
    expected = [(h, lr, s) for h in (3, 5) for lr in (0.1, 0.5) for s in (0, 1)]
    assert [(row["hidden"], row["lr"], row["seed"]) for row in table] == expected
    for row in table:
        trainer = build(row["hidden"], row["lr"], seed=row["seed"])
        history = trainer.fit(X, y, 4, validation_data=held)
        assert row["status"] == "ok" and row["seconds"] > 0 and row["message"] == ""
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert row[name] == near(history[name][-1]), name
    assert table.parameters == ["hidden", "lr"] and table.metrics == ["loss", "accuracy", "val_loss", "val_accuracy"]


@pytest.mark.parametrize("length", [{"epochs": 3}, {"steps": 7}, {"epochs": 0}, {}])
def test_the_length_is_that_of_fit(length, moons):
    X, y, held = moons
    (row,) = nc.sweep(build, {"hidden": [3]}, X, y, validation_data=held, **length)
    trainer = build(3, seed=0)
    history = trainer.fit(X, y, **length)
    if len(history["loss"]) and "steps" not in length:
        assert row["loss"] == near(history["loss"][-1])
    else:  # no whole epoch, or one that ended before the fit did: measured at the end
        measured = trainer.evaluate(X, y)
        assert row["loss"] == near(measured["loss"]) and row["accuracy"] == measured["accuracy"]
    assert row["val_loss"] == near(trainer.evaluate(*held)["loss"])


@pytest.mark.parametrize("jobs", [2, 3, -1])
def test_the_numbers_do_not_depend_on_the_number_of_jobs(jobs, moons):
    X, y, held = moons
    grid = {"hidden": [2, 20], "lr": [0.01, 0.5, 1e30]}
    one = nc.sweep(build, grid, X, y, validation_data=held, epochs=5, seeds=[3, 1])
    many = nc.sweep(build, grid, X, y, validation_data=held, epochs=5, seeds=[3, 1], n_jobs=jobs)
    np.testing.assert_equal(numbers(many), numbers(one))
    assert [row["seed"] for row in one[:4]] == [3, 1, 3, 1]
    assert {row["status"] for row in one} == {"ok", "diverged"}


@pytest.mark.parametrize("options", [{}, {"return_as": "generator_unordered"}, {"backend": "threading"}])
def test_the_processes_of_joblib_give_the_same_numbers(options, moons, tmp_path):
    joblib = pytest.importorskip("joblib")
    X, y, held = moons

    def by_closure(hidden, lr, seed):  # no module has it
        return build(hidden, lr, seed=seed)

    given = {"X": X, "y": y, "validation_data": held, "epochs": 5, "seeds": [3, 1]}
    grid = {"hidden": [2, 20], "lr": [0.01, 0.5, 1e30]}
    one = nc.sweep(by_closure, grid, **given)
    with joblib.Parallel(2, **options) as parallel:
        many = nc.sweep(by_closure, grid, **given, n_jobs=parallel, folder=tmp_path)
    np.testing.assert_equal(numbers(many), numbers(one))
    again = nc.sweep(by_closure, grid, **given, folder=tmp_path)
    np.testing.assert_equal(list(again), list(many))
    with pytest.raises(nc.ShapeError, match=r"\[sweep\] hidden=2, lr=0.1, seed=3: "):
        given |= {"X": X[:, :1], "on_error": "raise", "n_jobs": joblib.Parallel(2, **options)}
        nc.sweep(by_closure, {"hidden": [2], "lr": [0.1]}, **given)


def test_a_list_of_points_and_points_that_differ(moons):
    X, y, _ = moons
    table = nc.sweep(build, [{"hidden": 3}, {"lr": 0.5}, {}], X, y, epochs=1)
    assert [(row.get("hidden"), row.get("lr")) for row in table] == [(3, None), (None, 0.5), (None, None)]
    assert table[2]["loss"] == nc.sweep(build, {}, X, y, epochs=1)[0]["loss"]
    assert table.parameters == ["hidden", "lr"] and len(repr(table).splitlines()) == 5


def test_values_may_come_as_an_array_or_a_range(moons):
    X, y, _ = moons
    table = nc.sweep(build, {"hidden": range(1, 3), "lr": np.array([0.1, 0.2])}, X, y, epochs=1, seeds=np.array([7]))
    assert [(row["hidden"], row["lr"], row["seed"]) for row in table] == [
        (1, 0.1, 7),
        (1, 0.2, 7),
        (2, 0.1, 7),
        (2, 0.2, 7),
    ]
    assert all(type(row["lr"]) is float and type(row["seed"]) is int for row in table)


@pytest.mark.parametrize("policy", ["raise", "stop", "ignore"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_diverges_is_a_row_and_stops_nothing(policy, jobs, moons):
    X, y, held = moons

    def wild(lr, seed):
        model = net(20, seed)
        return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, on_nonfinite=policy)

    table = nc.sweep(wild, {"lr": [1e38, 0.1]}, X, y, validation_data=held, epochs=3, n_jobs=jobs)
    assert [row["status"] for row in table] == ["diverged", "ok"]
    assert list(table[0]) == list(table[1])
    assert not np.isfinite(table[0]["loss"]) and np.isfinite(table[1]["val_loss"])
    if policy != "ignore":
        assert "epoch 1, step" in table[0]["message"] and "diverged  epoch 1" in repr(table)
    assert table.best() is table[1]


def test_optimizers_from_outside_are_copied_and_stay_new(moons):
    X, y, _ = moons
    shared, listed = nc.Adam(lr=0.01), [nc.SGD(lr=0.1, momentum=0.9), nc.Adam(lr=0.02)]
    listed[0].lr = 0.3  # set after it was made

    def by_closure(seed):
        return nc.Trainer(net(4, seed), nc.CrossEntropyLoss(), shared, batch_size=16, seed=seed)

    def by_point(optimizer, seed):
        return nc.Trainer(net(4, seed), nc.CrossEntropyLoss(), optimizer, batch_size=16, seed=seed)

    closed = nc.sweep(by_closure, {}, X, y, epochs=2, seeds=3, n_jobs=2)
    points = nc.sweep(by_point, {"optimizer": listed}, X, y, epochs=2, seeds=2)
    for row in closed:
        expected = nc.Trainer(
            net(4, row["seed"]), nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=16, seed=row["seed"]
        )
        assert row["loss"] == near(expected.fit(X, y, 2)["loss"][-1])
    fresh = nc.SGD(lr=0.3, momentum=0.9)
    expected = nc.Trainer(net(4, 1), nc.CrossEntropyLoss(), fresh, batch_size=16, seed=1).fit(X, y, 2)["loss"][-1]
    assert points[1]["loss"] == near(expected) and points[0]["optimizer"] is listed[0]
    for optimizer in (shared, *listed):
        nc.Trainer(net(2, 0), nc.CrossEntropyLoss(), optimizer)  # serves nobody yet
    with pytest.raises(nc.StateError):
        nc.Trainer(net(2, 0), nc.CrossEntropyLoss(), shared)


def test_layers_among_the_values_are_not_shared_by_runs(moons):
    X, y, _ = moons
    layer = nc.Linear(2, 2)
    before = layer.parameters()[0].value.copy()

    def around(layers, seed):
        return nc.Trainer(nc.Sequential(*layers, seed=seed), nc.CrossEntropyLoss(), nc.SGD(lr=0.5), seed=seed)

    table = nc.sweep(around, {"layers": [[layer], [layer]]}, X, y, epochs=3, seeds=[5])
    assert table[0]["loss"] == table[1]["loss"]
    np.testing.assert_array_equal(layer.parameters()[0].value, before)
    assert table[0]["layers"][0] is layer


def test_build_is_called_in_order_in_the_callers_thread(moons):
    import threading

    X, y, _ = moons
    seen = []

    def noting(lr, seed):
        seen.append((lr, seed, threading.current_thread()))
        return build(4, lr, seed=seed)

    nc.sweep(noting, {"lr": [0.1, 0.2, 0.3]}, X, y, epochs=1, seeds=2, n_jobs=2)
    main = threading.current_thread()
    assert seen == [(lr, seed, main) for lr in (0.1, 0.2, 0.3) for seed in (0, 1)]


def test_data_are_converted_once_and_shared(moons, monkeypatch):
    X, y, held = moons
    given = []
    fit = nc.Trainer.fit

    def observed(self, *args, **options):
        given.append((args[0], args[1], *options["validation_data"]))
        return fit(self, *args, **options)

    def clipped(lr, seed):  # such trainers are fitted one by one
        return nc.Trainer(net(4, seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr), seed=seed, clip_grad_norm=1.0)

    monkeypatch.setattr(nc.Trainer, "fit", observed)
    labels = y.astype(np.int32)
    nc.sweep(clipped, {"lr": [0.1, 0.2]}, X.astype(np.float64), labels, validation_data=held, epochs=1, seeds=2)
    assert len(given) == 4 and all(
        ours is first for arrays in given for ours, first in zip(arrays, given[0], strict=True)
    )
    assert [array.dtype for array in given[0]] == [np.float32, np.int64, np.float32, np.int64]


def test_bytes_stay_bytes():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (40, 3), dtype=np.uint8), rng.integers(0, 2, 40)

    def build(seed):
        model = nc.Sequential(nc.Linear(3, 2), seed=seed, input=nc.Normalize.from_data(X, "scale"))
        return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), seed=seed)

    assert nc.sweep(build, {}, X, y, epochs=2)[0]["loss"] == near(build(0).fit(X, y, 2)["loss"][-1])


def test_regression_and_metrics(rng):
    X = rng.normal(size=(60, 2))
    y = X @ [[1.0], [2.0]]

    def line(lr, seed):
        return nc.Trainer(nc.Sequential(nc.Linear(2, 1), seed=seed), nc.MSELoss(), nc.SGD(lr=lr), seed=seed)

    grid = {"lr": [0.001, 0.1]}
    plain = nc.sweep(line, grid, X, y, epochs=5)
    assert plain.metrics == ["loss"] and plain.best()["lr"] == 0.1
    table = nc.sweep(line, grid, X, y, validation_data=(X, y), epochs=5, metrics=["r2", "mae"], n_jobs=2)
    assert table.metrics == ["loss", "r2", "mae", "val_loss", "val_r2", "val_mae"]
    assert table.best("val_r2")["lr"] == 0.1 and table.best("mae")["lr"] == 0.1
    assert table[0]["r2"] < table[1]["r2"] and table[0]["mae"] > table[1]["mae"]


class TestErrors:
    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"build": 3}, r"\[sweep\] build: expected a function"),
            ({"grid": []}, r"\[sweep\] grid: expected a dict of lists or a list of dicts, got \[\]"),
            ({"grid": [3]}, r"\[sweep\] grid: expected a dict"),
            ({"grid": "lr"}, r"\[sweep\] grid: expected a dict"),
            ({"grid": {"lr": 0.1}}, r"expected a list of values for 'lr', got 0.1 \(one value: \[0.1\]\)"),
            ({"grid": {"lr": []}}, r"expected a list of values for 'lr', got \[\]"),
            ({"grid": {"lr": "abc"}}, r"expected a list of values for 'lr', got 'abc'"),
            ({"grid": {3: [1]}}, r"expected names of arguments of build, got 3"),
            ({"grid": {"seed": [1]}}, r"expected another name than 'seed' \(give seeds= to sweep\)"),
            ({"grid": [{"loss": 1}]}, r"expected another name than 'loss' \(a column"),
            ({"epochs": -1}, r"\[sweep\] epochs"),
            ({"epochs": 1.5}, r"\[sweep\] epochs"),
            ({"steps": -1}, r"\[sweep\] steps"),
            ({"seeds": 0}, r"\[sweep\] seeds"),
            ({"seeds": []}, r"\[sweep\] seeds"),
            ({"seeds": [1, 1]}, r"\[sweep\] seeds: expected a number of seeds, or different ones"),
            ({"seeds": [-1]}, r"\[sweep\] seeds"),
            ({"seeds": True}, r"\[sweep\] seeds"),
            ({"n_jobs": 0}, r"\[sweep\] n_jobs: expected a number of runs at a time, or -1"),
            ({"n_jobs": -2}, r"\[sweep\] n_jobs"),
            ({"n_jobs": 1.0}, r"\[sweep\] n_jobs"),
            ({"progress": "yes"}, r"\[sweep\] progress"),
            ({"metrics": "accuracy"}, r"\[sweep\] metrics"),
            ({"metrics": ["nonsense"]}, r"\[sweep\] metrics"),
            ({"on_error": "stop"}, r"\[sweep\] on_error: expected 'row' or 'raise', got 'stop'"),
            ({"test_data": 3}, r"\[sweep\] test_data: expected a pair"),
            ({"validation_split": 1.0}, r"\[sweep\] validation_split: expected a number in \[0, 1\), got 1.0"),
            ({"validation_split": 0.001}, r"\[sweep\] validation_split: expected a share of the 80 samples"),
            ({"validation_split": 0.5, "validation_data": (np.ones((2, 2)), [0, 1])}, r"expected 0 beside"),
            ({"validation_data": 3}, r"\[sweep\] validation_data: expected a pair"),
            ({"folder": 3}, r"\[sweep\] path: expected the path"),
            ({"X": np.array([1j])}, r"\[sweep\] X: expected real numbers"),
            ({"X": [[1], [1, 2]]}, r"\[sweep\] X: expected a rectangular array"),
            ({"X": np.ma.masked_array([[1.0, 2.0]], [[True, False]])}, r"\[sweep\] X: .* masked"),
            ({"y": "labels"}, r"\[sweep\] y"),
        ],
    )
    def test_wrong_arguments(self, change, match, moons, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        X, y, _ = moons
        calls = []

        def noting(**point):
            calls.append(point)
            return build(**point)

        arguments = {"build": noting, "grid": {"lr": [0.1]}, "X": X, "y": y, "epochs": 1, **change}
        with pytest.raises((nc.ConfigError, nc.ShapeError), match=match):
            nc.sweep(**arguments)
        assert calls == []

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_what_build_raises_arrives_and_names_the_point(self, jobs, moons):
        X, y, _ = moons
        with pytest.raises(nc.ConfigError, match=r"\[sweep\] build\(lr=-1.0, seed=0\): \[SGD\] lr: expected"):
            nc.sweep(build, {"lr": [0.1, -1.0]}, X, y, epochs=1, n_jobs=jobs, on_error="raise")

        def broken(lr, seed):
            raise OSError(5, "disk")

        with pytest.raises(OSError) as caught:
            nc.sweep(broken, {"lr": [0.1]}, X, y, epochs=1, n_jobs=jobs, on_error="raise")
        assert caught.value.errno == 5 and caught.value.__notes__ == ["[sweep] build(lr=0.1, seed=0)"]

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_what_a_fit_raises_names_the_point(self, jobs, moons):
        X, y, _ = moons
        with pytest.raises(nc.ShapeError, match=r"\[sweep\] lr=0.1, seed=0: .*Linear"):
            nc.sweep(build, {"lr": [0.1]}, X[:, :1], y, epochs=1, n_jobs=jobs, on_error="raise")

    def test_a_trainer_is_new_each_time(self, moons):
        X, y, _ = moons
        kept, given = build(seed=0), {"X": X, "y": y, "epochs": 1, "seeds": 2, "on_error": "raise"}
        model = net(2, 0)
        with pytest.raises(
            nc.ConfigError, match=r"build\(seed=1\): expected a new Trainer, got one that build returned"
        ):
            nc.sweep(lambda seed: kept, {}, **given)
        with pytest.raises(nc.ConfigError, match=r"build\(seed=1\): expected a new Sequential"):
            nc.sweep(lambda seed: nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD()), {}, **given)
        with pytest.raises(nc.ConfigError, match=r"build\(seed=0\): expected a Trainer, got None"):
            nc.sweep(lambda seed: None, {}, **given)

    @pytest.mark.parametrize(
        ("grid", "match"),
        [
            ({"hiden": [1]}, r"grid: expected arguments of build, .*, got 'hiden' \(did you mean 'hidden'\?\)"),
            ([{"hidden": 1}, {"wrong": 1}], r"grid: expected arguments of build, \['hidden', 'lr'\], got 'wrong'$"),
            ([{"hidden": 1}, {"lr": 1}], r"grid: expected values for \['hidden'\], which build needs, got \['lr'\]"),
        ],
    )
    def test_names_that_build_does_not_take(self, grid, match, moons):
        X, y, _ = moons
        calls = []

        def noting(hidden, lr=0.1, *, seed):
            calls.append(hidden)

        with pytest.raises(nc.ConfigError, match=rf"\[sweep\] {match}"):
            nc.sweep(noting, grid, X, y, epochs=1)
        with pytest.raises(nc.ConfigError, match=r"\[sweep\] build: expected an argument 'seed' beside \['lr'\]"):
            nc.sweep(lambda lr: calls.append(lr), {"lr": [1]}, X, y, epochs=1)
        assert calls == []
