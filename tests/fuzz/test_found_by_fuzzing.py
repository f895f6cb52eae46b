"""What hostile calls have found, each as a test of its own."""

import itertools
import os

import numpy as np
import pytest

import nncore as nc


@pytest.mark.parametrize("wrong", [nc.ReLU, (nc.ReLU,), [nc.ReLU]], ids=repr)
def test_a_class_where_an_object_is_meant_is_refused(wrong):
    """Its `_spec` is None: a null pointer once."""
    for make in (lambda: nc.Linear(2, 2, weight_init=wrong), lambda: nc.SGD(lr=wrong), lambda: nc.NLLLoss(wrong)):
        with pytest.raises(nc.ConfigError, match="expected"):
            make()


def test_memory_that_is_not_there_is_a_memory_error():
    """Once a RuntimeError: the conversion had dropped NumPy's own."""
    x = np.broadcast_to(np.float64(0), (2**20, 2**25))
    with pytest.raises(MemoryError):
        nc.Sequential(nc.ReLU(), dtype="float32", seed=0)(x)


def misaligned(array):
    """The same values at an odd address."""
    room = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype)
    room[...] = array.ravel()
    return room.reshape(array.shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_misaligned_arrays_are_copied(dtype, rng):
    """Kernels may assume that numbers lie where numbers of their type do; the sanitizers tell."""
    net = nc.Sequential(nc.Linear(3, 2), dtype=dtype, seed=0)
    x, y = rng.normal(size=(7, 3)).astype(dtype), rng.integers(0, 2, 7)
    np.testing.assert_array_equal(net(misaligned(x)), net(x))
    loss = nc.CrossEntropyLoss()
    assert loss.value(net(x), misaligned(y)) == loss.value(net(x), y)
    signs = 2.0 * y - 1
    fits = [nc.Perceptron(seed=0, max_epochs=3).fit(a, b) for a, b in ((x, signs), (misaligned(x), misaligned(signs)))]
    np.testing.assert_array_equal(fits[0].weights, fits[1].weights)


MASKED = np.ma.MaskedArray(np.ones((4, 3)), mask=np.eye(4, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: nc.Perceptron().fit(x, [1, 1, -1, -1]),
        lambda x: nc.Normalize.from_data(x),
        lambda x: nc.datasets.train_test_split(x, [0, 1, 0, 1]),
        lambda x: nc.functional.linear(x, np.ones((2, 3))),
        lambda x: nc.minimize("quadratic", x[0], nc.SGD(), 1),
        lambda x: nc.Sequential(nc.Linear(3, 4, bias=False), seed=0).load_state_dict({"0.weight": x}),
    ],
    ids=["Perceptron", "Normalize", "train_test_split", "linear", "minimize", "load_state_dict"],
)
def test_masked_arrays_are_refused(call):
    """NumPy takes what a mask hides for numbers."""
    with pytest.raises(nc.ShapeError, match="masked"):
        call(MASKED)


@pytest.mark.parametrize("loss", [nc.NLLLoss([1.0, 2.0]), nc.CrossEntropyLoss([1.0, 2.0])], ids=repr)
def test_labels_that_change_during_a_fit_are_those_it_began_with(loss, rng):
    """They are indices: checked once, then used to write gradients."""
    x, y = rng.normal(size=(8, 3)), rng.integers(0, 2, 8)
    nets = []
    for hostile in (False, True):
        net = nc.Sequential(nc.Linear(3, 2), *([nc.LogSoftmax()] if type(loss) is nc.NLLLoss else []), seed=0)
        labels = y.copy()
        nc.Trainer(net, loss, nc.SGD(lr=0.1), batch_size=4).fit(
            x, labels, epochs=3, progress=False, callbacks=[lambda _, a=labels: a.fill(2**50)] if hostile else []
        )
        nets.append(net)
    np.testing.assert_array_equal(nets[0].flat_parameters, nets[1].flat_parameters)


@pytest.mark.parametrize(
    "state", [None, 3, [], "x", {"state": None}, {"state": {"0.weight": 3}}, {"state": [1]}, {3: 4}]
)
def test_optimizer_states_that_are_no_dicts_are_refused(state):
    net, optimizer = nc.Sequential(nc.Linear(2, 2), seed=0), nc.SGD(lr=0.1, momentum=0.9)
    optimizer.step(net)
    with pytest.raises(nc.ConfigError, match=r"^\[SGD\] state_dict: "):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize("base", [nc.Optimizer, nc.init.Initializer, nc.objectives.Objective])
def test_bases_are_not_for_use(base):
    with pytest.raises(nc.ConfigError, match="expected one of its subclasses"):
        base()


def test_numbers_beyond_a_dtype_become_infinite_without_a_warning():
    """Warnings are errors here: one in the middle of loading would leave half a state."""
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    big = np.full((2, 2), 1e300)
    for x in (big.astype(">f8"), big.astype(np.longdouble) * np.longdouble("1e100"), np.asfortranarray(big)):
        assert not np.isfinite(net(x)).any()
    net.load_state_dict({"0.weight": big, "0.bias": np.zeros(2)})
    net.parameters()[1].value = np.full(2, 1e300)
    assert np.isinf(net.flat_parameters).all()


def test_loading_views_of_the_model_itself():
    net = nc.Sequential(nc.Linear(2, 2, bias=False), nc.Linear(2, 2, bias=False), seed=0)
    first, second = (p.value for p in net.parameters())
    before = first.copy(), second.copy()
    net.load_state_dict({"0.weight": second, "1.weight": first})
    np.testing.assert_array_equal(first, before[1])
    np.testing.assert_array_equal(second, before[0])


@pytest.mark.parametrize("value", [None, "x", np.ones(2), 1j, np.ma.masked], ids=repr)
def test_numeric_gradient_of_what_gives_no_number(value):
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[numeric_gradient\] f: expected "):
        nc.numeric_gradient(lambda x: value, [1.0])


def nested(levels, copies):
    """Residuals in residuals."""
    layer = nc.ReLU()
    for _ in range(levels):
        layer = nc.Residual(*[layer] * copies)
    return layer


@pytest.mark.parametrize(("levels", "copies"), [(70, 1), (20, 2)])
def test_layers_in_layers_in_layers_have_an_end(levels, copies):
    with pytest.raises(nc.ConfigError, match="at most 64 levels and 16384 parts"):
        nested(levels, copies)
    net = nc.Sequential(nested(10, 1), seed=0)
    assert net(np.ones((1, 2))).tolist() == [[11.0, 11.0]]  # 1 + (1 + (1 + …))


def test_extents_beside_a_zero_do_not_overflow():
    """Their product is 0, but a row's or a filter's is not."""
    for shape in [(0, 5, 2**31, 2**31, 2**31), (5, 0, 2**31, 2**31, 2**31)]:
        with pytest.raises(nc.ShapeError, match="more than 2"):
            nc.init.kaiming_uniform()(shape)
    assert nc.init.kaiming_uniform()((0, 5, 2**20)).shape == (0, 5, 2**20)


@pytest.mark.parametrize(
    "value", [10**400, "x", None, np.ones(2), np.ma.masked], ids=["huge", "text", "None", "array", "masked"]
)
def test_minimize_of_what_gives_no_number(value):
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[minimize\] (objective|fun): expected "):
        nc.minimize(lambda x: (value, x), [1.0], nc.SGD(), 3)
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[minimize\] (objective|fun): expected "):
        nc.minimize(fun=lambda x: value, jac=lambda x: x, x0=[1.0], optimizer=nc.SGD(), steps=3)


class Unshown:
    """Cannot be shown, not even in a message."""

    def __repr__(self):
        raise RuntimeError("no")


def test_messages_about_what_cannot_be_shown():
    for call in (
        lambda: nc.functional.activation([1.0], Unshown()),
        lambda: nc.Perceptron(rule=Unshown()),
        lambda: nc.Normalize.from_data(np.ones((2, 2)), Unshown()),
        lambda: nc.Linear(Unshown(), 2),
    ):
        with pytest.raises(nc.ConfigError, match="expected"):
            call()


@pytest.mark.parametrize("table", ["epochs", "steps"])
@pytest.mark.parametrize("value", [None, [1.0], np.zeros((0, 1)), "x"], ids=repr)
def test_trainer_states_with_tables_that_are_none_are_refused(table, value):
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), nc.MSELoss(), nc.SGD())
    state = trainer.state_dict()
    state["history"][table] = value
    with pytest.raises(nc.ConfigError, match=rf"^\[Trainer\] history: expected {table} "):
        trainer.load_state_dict(state)


@pytest.mark.parametrize("path", ["{epoch.no}", "{0}", "{loss:x}", "{", b"{no}", "{epoch:999999999999999}"])
def test_checkpoint_paths_that_cannot_be_filled_in_are_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), nc.MSELoss(), nc.SGD())
    with pytest.raises(nc.ConfigError, match=r"^\[ModelCheckpoint\] path: expected names in braces"):
        trainer.fit(np.ones((2, 2)), np.ones((2, 2)), progress=False, callbacks=[nc.ModelCheckpoint(path)])


def test_a_log_that_is_no_table_is_left_alone(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b'"' + b"x" * 200_000)
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), nc.MSELoss(), nc.SGD())
    x = np.ones((2, 2))
    trainer.fit(x, x, epochs=1, progress=False)
    with pytest.raises(nc.FormatError, match=r"^\[CSVLogger\] "):
        trainer.fit(x, x, epochs=1, progress=False, callbacks=[nc.CSVLogger(path)])
    assert path.stat().st_size == 200_001


@pytest.mark.parametrize(
    "shape", [memoryview(b"1234").cast("B", (2, 2)), itertools.count(1), None, 1.5, "3", [2**70]], ids=repr
)
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(nc.ConfigError, match=r"shape: expected "):
        nc.init.zeros()(shape)
    with pytest.raises(nc.ConfigError, match=r"shape: expected "):
        nc.Sequential(nc.ReLU(), seed=0).summary(shape or "x")


def test_numeric_gradient_at_infinity_is_nan_without_a_warning():
    assert np.isnan(nc.numeric_gradient(lambda x: np.float64(np.inf), [1.0])).all()


def test_flags_are_true_or_false():
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    for strict in (NotImplemented, np.ones(2), None, 1):
        with pytest.raises(nc.ConfigError, match=r"^\[Sequential\] strict: expected True or False"):
            net.load_state_dict(net.state_dict(), strict)


@pytest.mark.parametrize(
    "given", [memoryview(b"1234").cast("B", (2, 2)), itertools.repeat(2)], ids=["2-D view", "endless"]
)
def test_rows_that_are_none_or_have_no_end_are_refused(given):
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    x = np.ones((2, 2))
    for call in (
        lambda: nc.mlp(given),
        lambda: nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(x, x, progress=False, metrics=given),
        lambda: nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(x, x, progress=False, callbacks=given),
        lambda: nc.sweep(len, {"lr": [1]}, x, x, metrics=given),
    ):
        with pytest.raises(nc.ConfigError, match=r"^\[\w+\] (sizes|metrics|callbacks): expected "):
            call()


@pytest.mark.parametrize("name", ["\ud800", "", "a.b", 3, b"a", None])
def test_names_that_are_none_are_refused(name):
    with pytest.raises(nc.ConfigError, match=r"^\[Sequential\] layer name: expected text without dots"):
        nc.Sequential({name: nc.ReLU()}, seed=0)
    with pytest.raises(nc.ConfigError, match=r"^\[Named\] add_parameter: expected a name without dots"):
        type("Named", (nc.Layer,), {"forward": len, "__init__": lambda self: self.add_parameter(name, [1.0])})()


def test_a_parameter_beyond_float64_is_infinite_without_a_warning():
    class Scale(nc.Layer):
        def __init__(self):
            self.w = self.add_parameter("w", np.longdouble("1e4000"))

        def forward(self, x, training):
            return x

    assert np.isinf(Scale().w.value)


ROW = {"lr": 0.1, "seed": 0, "loss": 0.5, "seconds": 0.1, "status": "ok", "message": ""}


@pytest.mark.parametrize(
    "row",
    [3, {}, {**ROW, "loss": "x"}, {**ROW, "loss": 10**400}, {**ROW, "status": np.ones(2)}, {**ROW, 3: 4}],
    ids=repr,
)
def test_tables_with_rows_that_are_no_runs_are_shown_and_otherwise_refused(row):
    table = nc.SweepTable([ROW, row])
    assert "0.1" in repr(table) and "0.1" in table._repr_html_()
    for call in (table.best, table.plot, lambda: table.metrics, lambda: table.parameters):
        with pytest.raises(nc.ConfigError, match="table: expected the runs of a sweep"):
            call()


def test_tables_of_several_metrics():
    """As when two tables were added: a number that is not there counts like NaN."""
    import matplotlib.pyplot as plt

    table = nc.SweepTable([ROW, {**ROW, "lr": 0.2, "accuracy": 0.5}])
    assert table.best("accuracy")["lr"] == 0.2
    display = table.plot("accuracy")
    assert np.isnan(display.lines_[""].get_ydata()[0])
    plt.close(display.figure_)


@pytest.mark.parametrize(
    "content", [b"[" * 10**5, b"{}", b'{"runs": [3]}', b'{"runs": [{"label": []}]}', b'{"runs": 3}', None], ids=repr
)
def test_results_of_experiments_that_are_none_are_refused(content, tmp_path):
    from nncore.cli.experiments._runs import Records

    path = tmp_path / "E0.json"
    os.mkfifo(path) if content is None else path.write_bytes(content)
    with pytest.raises(nc.FormatError, match="expected a result file"):
        Records("E0", path, seed=0, quick=True, resume=True)


def test_runs_of_experiments_with_wrong_figures_are_refused(tmp_path):
    from nncore.cli.experiments._runs import Outcome, Records, Run

    path = tmp_path / "E0.json"
    records = Records("E0", path, seed=0, quick=True, resume=False)
    records.run([Run("t", "l", 0, lambda seed: Outcome({"a": {"loss": 0.125}}, 3, {"loss": [0.25]}))])
    records.save()
    assert Records("E0", path, seed=0, quick=True, resume=True).runs == records.runs
    good = path.read_text(encoding="utf-8")
    for right, wrong in (
        ("0.125", '"x"'),
        ("0.25", "[]"),
        ('"steps": 3', '"steps": "3"'),
        ('"l"', "[]"),
        ('"seed": 0, "sec', '"sec'),
    ):
        assert right in good
        path.write_text(good.replace(right, wrong), encoding="utf-8")
        with pytest.raises(nc.FormatError, match="expected a result file"):
            Records("E0", path, seed=0, quick=True, resume=True)
