"""Hooks and monitors with wrong names, and what stands in place of methods: nothing is silently not called."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import nncore as nc
from nncore.train._callback import HOOKS

X, Y = nc.datasets.make_moons(40, noise=0.1, seed=0)


def trainer(**options):
    net = nc.Sequential(nc.Linear(2, 4), nc.ReLU(), nc.Linear(4, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), **options)


def fit(*callbacks, **given):
    return trainer().fit(X, Y, epochs=1, callbacks=callbacks, progress=False, **given)


def test_hooks_are_the_methods_of_the_base():
    assert set(HOOKS) == {name for name in dir(nc.Callback) if name.startswith("on_")}


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ("on_epoch_ends", "did you mean on_epoch_end"),
        ("on_epochend", "did you mean on_epoch_end"),
        ("on_fit_begins", "did you mean on_fit_begin"),
        ("on_fit_eror", "did you mean on_fit_error"),
        ("on_train_begin", r"\(on_fit_begin is\)"),
        ("on_epoch_begin", "on_epoch_end of the epoch before"),
        ("on_train_batch_end", "on_observation"),
        ("on_whatever", "there are: on_fit_begin"),
    ],
)
@pytest.mark.parametrize("place", ["class", "object"])
def test_a_method_like_a_hook_that_nothing_calls_is_told(wrong, advice, place):
    def hook(*given):
        return None

    class Own(nc.Callback):
        pass

    own = Own()
    setattr(Own if place == "class" else own, wrong, hook)
    with pytest.warns(RuntimeWarning, match=rf"\[Own\] {wrong}: it is not called by a fit .*{advice}"):
        fit(own)


def test_the_warning_points_to_the_call_of_fit():
    class Own(nc.Callback):
        def on_epoch_ends(self, record):
            return None

    with pytest.warns(RuntimeWarning) as found:
        trainer().fit(X, Y, epochs=1, callbacks=[Own()], progress=False)
    assert [warning.filename for warning in found] == [__file__]


def test_hooks_with_their_right_names_warn_of_nothing():
    class Own(nc.Callback):
        def on_epoch_end(self, record):
            return None

        def one(self):
            return None

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(Own(), nc.LambdaCallback(on_fit_end=lambda history: None), nc.EarlyStopping("loss"))


@pytest.mark.parametrize("name", HOOKS)
def test_what_is_no_function_in_place_of_a_hook_is_refused(name):
    class Own(nc.Callback):
        pass

    for callback in (nc.Callback(), nc.EarlyStopping("loss")):
        with pytest.raises(AttributeError, match=rf"{name}: it is a method"):
            setattr(callback, name, 3)
        with pytest.raises(AttributeError, match=rf"{name}s: .*did you mean|{name}s: expected a setting"):
            setattr(callback, name + "s", lambda *given: None)
    own = Own()
    setattr(own, name, 3)  # a class of one's own may set what it likes; the fit says so
    with pytest.raises(nc.ConfigError, match=rf"\[Own\] {name}: expected a method or a function, got 3"):
        fit(own)


@pytest.mark.parametrize("name", [n for n in dir(nc.Trainer) if n[0] != "_" and callable(getattr(nc.Trainer, n))])
def test_methods_of_a_trainer_are_replaced_by_functions_alone(name):
    given = trainer()
    for wrong in (3, None, "fit", np.zeros(2)):
        with pytest.raises(AttributeError, match=rf"\[Trainer\] {name}: it is a method"):
            setattr(given, name, wrong)
    setattr(given, name, lambda *args, **kwargs: 7)
    assert getattr(given, name)() == 7


@pytest.mark.parametrize("name", ["predict", "forward", "backward", "save", "summary", "freeze"])
def test_methods_of_a_model_are_not_replaced(name):
    with pytest.raises(AttributeError, match=rf"\[Sequential\] {name}: it is a method"):
        setattr(trainer().model, name, lambda x: x)


#: What takes the name of a number, with the default mode.
MONITORS = {
    "EarlyStopping": nc.EarlyStopping,
    "ModelCheckpoint": lambda name: nc.ModelCheckpoint("net.safetensors", monitor=name),
    "ReduceLROnPlateau": lambda name: nc.ReduceLROnPlateau(0.1, monitor=name),
}


@pytest.mark.parametrize("what", MONITORS)
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("val_los", "val_loss"),
        ("lss", "loss"),
        ("acuracy", "accuracy"),
        ("val_accurcay", "val_accuracy"),
        ("test_los", "test_loss"),
        ("ballanced_accuracy", "balanced_accuracy"),
    ],
)
def test_a_misspelt_monitor_is_told_beside_its_mode(what, wrong, right):
    with pytest.raises(nc.ConfigError, match=rf"^\[{what}\] .*'{wrong}' .*\(did you mean {right}\? else mode="):
        MONITORS[what](wrong)
    with pytest.raises(nc.ConfigError, match="mode: expected 'min' or 'max', for the name 'my_number'"):
        MONITORS[what]("my_number")


# ---- Pickles --------------------------------------------------------------------------------------------------------


def named(step):
    return 0.1


def with_metric():
    given = trainer()
    given.fit(X, Y, epochs=1, metrics={"own": lambda y, z: 1.0}, progress=False)
    return given


def trained(rate):
    return nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=rate))


def schedule_of_a_function():
    class Own(nc.Schedule):
        def __call__(self, step):
            return 0.1

    return Own()


UNNAMED = {
    "rate": lambda: nc.SGD(lr=lambda step: 0.1),
    "schedule": lambda: nc.Schedule(0.1, lambda step: 1.0),
    "class of a schedule": schedule_of_a_function,
    "trainer": lambda: trained(lambda step: 0.1),
    "metric": with_metric,
    "callback": lambda: nc.LambdaCallback(on_epoch_end=lambda record: None),
}


@pytest.mark.parametrize("what", UNNAMED)
def test_a_function_without_a_name_is_told_by_pickle_and_copied_by_copy(what):
    made = UNNAMED[what]()
    with pytest.raises(pickle.PicklingError, match=r"^\[\w+\].*<l.*hint: write it with def at the top level"):
        pickle.dumps(made)
    copy.deepcopy(made)
    cloudpickle = pytest.importorskip("cloudpickle")
    pickle.loads(cloudpickle.dumps(made))


def test_a_function_with_a_name_is_pickled():
    assert pickle.loads(pickle.dumps(nc.SGD(lr=named))).lr == 0.1
    assert pickle.loads(pickle.dumps(trained(named))).optimizer.lr == 0.1
