"""Tables: names of columns are kept and compared, and errors name the columns. Other libraries' tables have the same
attributes as the small one here; pandas' own where it is installed."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc

NAMES = ["width", "height", "price"]
X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > X[:, 2]).astype(int)


class Table:
    """Columns by name, as a library would have them."""

    def __init__(self, columns):
        self.data = dict(columns)
        self.columns = list(self.data)
        self.dtypes = [np.asarray(column).dtype for column in self.data.values()]

    def __len__(self):
        return len(next(iter(self.data.values())))

    def __getitem__(self, key):
        return Table({name: self.data[name] for name in key}) if isinstance(key, list) else self.data[key]

    def __array__(self, dtype=None, copy=None):
        array = np.column_stack([np.asarray(column) for column in self.data.values()])
        return array if dtype is None else array.astype(dtype)


def table(names=NAMES, values=X):
    return Table(zip(names, values.T, strict=True))


GIVEN = table()
TURNED = GIVEN[["price", "width", "height"]]


def build(**facts):
    net = nc.Sequential(nc.Linear(3, 8), nc.ReLU(), nc.Linear(8, 2), seed=0, **facts)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.3))


@pytest.fixture
def trainer():
    trainer = build()
    trainer.fit(GIVEN, Y, epochs=2)
    return trainer


#: Every place that is given samples.
PLACES = {
    "fit": lambda trainer, X: trainer.fit(X, Y, epochs=1),
    "validation": lambda trainer, X: trainer.fit(GIVEN, Y, epochs=1, validation_data=(X, Y)),
    "validation beside arrays": lambda trainer, X: trainer.fit(GIVEN.__array__(), Y, 1, validation_data=(X, Y)),
    "test": lambda trainer, X: trainer.fit(GIVEN, Y, epochs=1, test_data=(X, Y)),
    "step": lambda trainer, X: trainer.step(X, Y),
    "evaluate": lambda trainer, X: trainer.evaluate(X, Y),
    "predict": lambda trainer, X: trainer.model.predict(X),
    "predict_proba": lambda trainer, X: trainer.model.predict_proba(X),
    "call": lambda trainer, X: trainer.model(X),
    "forward": lambda trainer, X: trainer.model.forward(X),
    "activations": lambda trainer, X: trainer.model.activations(X),
    "input": lambda trainer, X: setattr(trainer.model, "input", nc.Normalize.from_data(X)),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_place_refuses_another_order_and_changes_nothing(place, trainer):
    before = trainer.model.state_dict(), trainer.epoch, trainer.columns
    with pytest.raises(nc.ConfigError, match=r"'width', 'height', 'price'.*'price', 'width', 'height'.*\.columns\]"):
        PLACES[place](trainer, TURNED)
    for name, array in trainer.model.state_dict().items():
        np.testing.assert_array_equal(array, before[0][name])
    assert (trainer.epoch, trainer.columns) == before[1:]
    PLACES[place](trainer, TURNED[trainer.columns])
    PLACES[place](trainer, X)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_names_columns_that_are_missing_or_unknown(place, trainer):
    with pytest.raises(nc.ConfigError, match="missing: 'height'; unknown: 'depth'"):
        PLACES[place](trainer, table(["width", "depth", "price"])) if place != "input" else trainer.evaluate(
            table(["width", "depth", "price"]), Y
        )


def test_a_refused_first_fit_leaves_no_names():
    trainer = build()
    for wrong in (lambda: trainer.fit(GIVEN, Y[:5]), lambda: trainer.fit(GIVEN, Y, validation_data=(TURNED, Y))):
        with pytest.raises((nc.ShapeError, nc.ConfigError)):
            wrong()
        assert trainer.columns is None and trainer.model.columns is None


def test_names_do_not_change_numbers(trainer):
    other = build()
    other.fit(X, Y, epochs=2)
    np.testing.assert_array_equal(trainer.model.flat_parameters, other.model.flat_parameters)
    assert other.columns is None and trainer.columns == NAMES
    assert other.evaluate(TURNED, Y)["loss"] > 0 < other.step(TURNED, Y)  # nothing to compare with


def test_columns_that_are_numbered_have_no_names(trainer):
    numbered = table(range(3))
    np.testing.assert_array_equal(trainer.model(numbered), trainer.model(X))
    other = build()
    other.fit(numbered, Y, epochs=1)
    np.testing.assert_array_equal(other.model(GIVEN), other.model(X))
    with pytest.raises(nc.ConfigError, match="columns 0, 1, 2 in this order, got 2, 0, 1"):
        other.model.predict(numbered[[2, 0, 1]])


KEPT = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
}


@pytest.mark.parametrize("how", KEPT)
@pytest.mark.parametrize("what", ["trainer", "model", "graph", "normalize"])
def test_copies_keep_them(what, how, trainer):
    x = nc.Input(3)
    graph = nc.Graph(x, nc.Linear(3, 2)(x), seed=0, input=nc.Normalize.from_data(GIVEN))
    given = {"trainer": trainer, "model": trainer.model, "graph": graph, "normalize": graph.input}[what]
    assert KEPT[how](given).columns == given.columns == NAMES


def test_files_and_state_dicts_keep_them(tmp_path, trainer):
    pytest.importorskip("safetensors")
    trainer.model.columns = ["width", 3, ("price", "euro")]
    trainer.save(tmp_path / "t.safetensors")
    trainer.model.save(tmp_path / "m.safetensors")
    resumed, other = nc.Trainer.resume(tmp_path / "t.safetensors"), build()
    other.load_state_dict(trainer.state_dict())
    models = nc.load(tmp_path / "t.safetensors"), nc.load(tmp_path / "m.safetensors")
    for kept in (resumed, other, *models):
        assert kept.columns == ["width", 3, ("price", "euro")]
    with pytest.raises(nc.ConfigError, match="columns: expected a list of names"):
        other.load_state_dict({**trainer.state_dict(), "columns": {"a": 1}})


def test_a_checkpoint_of_the_first_fit_has_them(tmp_path):
    pytest.importorskip("safetensors")
    build().fit(GIVEN, Y, epochs=1, callbacks=[nc.ModelCheckpoint(tmp_path / "best.safetensors", monitor="loss")])
    assert nc.load(tmp_path / "best.safetensors").columns == NAMES


def test_normalize_gives_its_names_to_the_model():
    net = build(input=nc.Normalize.from_data(GIVEN)).model
    assert net.columns == NAMES and net[:1].columns == NAMES and net[1:].columns is None
    with pytest.raises(nc.ConfigError, match="use x"):
        net.predict(TURNED)
    assert net.initialize(1).columns == NAMES
    net.columns = None
    net.predict(TURNED)
    for wrong in ("abc", 3, [1.5], [["a", ["b"]]]):
        with pytest.raises(nc.ConfigError, match="columns: expected a list of names or None"):
            net.columns = wrong


def test_a_sweep_compares_them():
    made = []

    def make(lr, seed):
        made.append(build())
        return made[-1]

    with pytest.raises(nc.ConfigError, match="validation_data: X: expected the columns"):
        nc.sweep(make, {"lr": [0.1]}, GIVEN, Y, epochs=1, validation_data=(TURNED, Y), progress=False)
    table = nc.sweep(make, {"lr": [0.1]}, GIVEN, Y, epochs=1, validation_data=(GIVEN, Y), progress=False)
    assert table[0]["status"] == "ok" and made[-1].columns == NAMES
    with pytest.raises(nc.ConfigError, match="expected the columns"):
        normalize = nc.Normalize.from_data(TURNED)
        nc.sweep(
            lambda lr, seed: build(input=normalize), {"lr": [0.1]}, GIVEN, Y, epochs=1, progress=False, on_error="raise"
        )


def test_the_perceptron_compares_them():
    model = nc.Perceptron().fit(GIVEN, 2 * Y - 1)
    assert model.columns == NAMES and model.score(TURNED[model.columns], 2 * Y - 1) > 0.5
    for ask in (model.predict, model.decision_function, lambda X: model.score(X, 2 * Y - 1)):
        with pytest.raises(nc.ConfigError, match="in this order"):
            ask(TURNED)


def test_many_columns_are_told_by_the_first_that_differs():
    wide = np.zeros((4, 30))
    names = [f"c{i}" for i in range(30)]
    net = nc.Sequential(nc.Linear(30, 2), seed=0, input=nc.Normalize.from_data(table(names, wide)))
    names[20], names[21] = names[21], names[20]
    with pytest.raises(nc.ConfigError, match="with 'c20' at 20, got 'c21' there"):
        net.predict(table(names, wide))


# ---- Errors name columns --------------------------------------------------------------------------------------------

#: What takes the samples of a table, and refuses what is no number.
TAKERS = {
    "fit": lambda X: build().fit(X, Y[: len(X)], epochs=1),
    "predict": lambda X: build().model.predict(X),
    "Normalize": nc.Normalize.from_data,
    "Perceptron": lambda X: nc.Perceptron().fit(X, np.ones(len(X))),
    "split": lambda X: build().fit(X, Y[: len(X)], epochs=1, validation_split=0.5),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize(
    ("values", "mend"),
    [
        (["81,5", "70,1", "3"], r'decimal=","'),
        (["1", "2", "3"], r"astype\(float\)"),
        (["1", "", "3"], "na_values"),
        (["n", "s", "n"], "get_dummies"),
    ],
)
def test_columns_of_text_are_named_with_what_helps(taker, values, mend):
    given = Table({"size": [1.0, 2, 3], "where": np.array(values, object), "rooms": [1.0, 2, 3]})
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"column 'where' \(3 of 3 rows.*{mend}"):
        TAKERS[taker](given)


@pytest.mark.parametrize("taker", [name for name in TAKERS if name != "split"])
def test_columns_with_missing_numbers_are_named_and_counted(taker):
    values = X[:4].copy()
    values[1:3, 1] = np.nan
    values[2, 2] = np.inf
    with pytest.raises(nc.ConfigError, match=r"not finite in 4 rows: 'height' in 2, 'price' in 1"):
        TAKERS[taker](table(NAMES, values))


@pytest.mark.parametrize("taker", TAKERS)
def test_booleans_beside_numbers_are_numbers(taker):
    """A table of both becomes an array of objects, as the columns of pandas' get_dummies do."""
    columns = {"size": np.array([1.0, 2.0, 4.0]), "new": np.array([True, False, True]), "rooms": np.array([1, 2, 3])}
    given = Table(columns)
    given.__class__ = type("Mixed", (Table,), {"__array__": as_objects})
    TAKERS[taker](given)
    np.testing.assert_allclose(nc.Normalize.from_data(given).mean, [7 / 3, 2 / 3, 2])


def as_objects(self, dtype=None, copy=None):
    columns = [np.asarray(column).astype(object) for column in self.data.values()]
    return np.column_stack(columns).astype(dtype or object)


def test_tables_of_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=NAMES)
    trainer = build()
    trainer.fit(frame, Y, epochs=2, validation_split=0.2)
    other = build()
    other.fit(X, Y, epochs=2, validation_split=0.2)
    np.testing.assert_array_equal(trainer.model.flat_parameters, other.model.flat_parameters)
    turned = frame[["height", "width", "price"]]
    with pytest.raises(nc.ConfigError, match=r"X\[trainer.columns\]"):
        trainer.evaluate(turned, Y)
    assert trainer.evaluate(turned[trainer.columns], Y) == trainer.evaluate(frame, Y)
    mixed = frame.assign(width=frame.width > 0, height=pd.array([1, None] * 30, dtype="Int64"))
    with pytest.raises(nc.ConfigError, match="column 'height'; not finite in 60 rows: 'height' in 30"):
        trainer.evaluate(mixed, Y)
    trainer.evaluate(mixed.fillna(0), Y)
    with pytest.raises(nc.ShapeError, match="in column 'width' .*get_dummies"):
        trainer.evaluate(frame.assign(width=pd.Categorical(["a", "b"] * 30)), Y)
