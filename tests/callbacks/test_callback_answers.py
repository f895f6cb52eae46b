"""What callbacks return: True ends the fit, None and False do not, anything else is an error that names them."""

import io

import numpy as np
import pytest

import nncore as nc

HOOKS = ["on_fit_begin", "on_epoch_end", "on_observation", "on_fit_end"]
WRONG = [1, 0, "", "stop", 0.0, [], (True,), np.array([True]), np.array(True), np.float64(0), object()]


def make(rng):
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    return nc.Trainer(nc.mlp([3, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10), X, y


def answering(hook, answer):
    """A callback whose hook gives the answer."""
    methods = {hook: lambda self, given: answer}
    return type("Own", (nc.Callback,), {"observing": (1, "step", 0), **methods})()


def as_functions(hook, answer):
    return nc.LambdaCallback(**{hook: lambda given: answer})


def test_every_hook_of_the_base_is_tested_here():
    assert {name for name in vars(nc.Callback) if name.startswith("on_")} == {*HOOKS, "on_fit_error"}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("answer", [None, False, np.False_], ids=repr)
def test_none_and_false_go_on(hook, answer, rng):
    trainer, X, y = make(rng)
    makers = [answering] if hook == "on_observation" else [answering, as_functions]
    for make_callback in makers:
        assert len(trainer.fit(X, y, epochs=3, callbacks=[make_callback(hook, answer)])["loss"]) == 3


@pytest.mark.parametrize("answer", [True, np.True_], ids=repr)
@pytest.mark.parametrize(
    "hook, steps", [("on_fit_begin", 0), ("on_epoch_end", 4), ("on_observation", 1), ("on_fit_end", 12)]
)
def test_true_ends_the_fit(hook, steps, answer, rng):
    trainer, X, y = make(rng)
    makers = [answering] if hook == "on_observation" else [answering, as_functions]
    for make_callback in makers:
        trainer, X, y = make(rng)
        history = trainer.fit(X, y, epochs=3, callbacks=[make_callback(hook, answer)])
        assert history.n_steps == steps and not history.interrupted
    rest = trainer.fit(X, y, steps=12 - steps)
    reference = nc.Trainer(nc.mlp([3, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10)
    reference.fit(X, y, epochs=3)
    assert rest.n_steps == 12 - steps
    np.testing.assert_array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("answer", WRONG, ids=lambda value: type(value).__name__)
def test_anything_else_is_an_error_that_leaves_the_trainer_usable(hook, answer, rng):
    makers = [answering] if hook == "on_observation" else [answering, as_functions]
    for make_callback in makers:
        trainer, X, y = make(rng)
        ended = []
        watch = nc.LambdaCallback(on_fit_error=ended.append, on_fit_end=ended.append)
        with pytest.raises(
            nc.ConfigError, match=rf"\[(Own|LambdaCallback\(.*\))\] {hook}: expected True.*got"
        ) as error:
            trainer.fit(X, y, epochs=3, callbacks=[watch, make_callback(hook, answer)])
        if hook != "on_fit_end":  # there the fit itself went well
            assert ended == [error.value]
        done = {"on_fit_begin": 0, "on_epoch_end": 4, "on_observation": 1, "on_fit_end": 12}[hook]
        trainer.fit(X, y, steps=2)
        assert trainer.history.n_steps == done + 2


def test_a_function_that_returns_a_number_of_characters_is_named(rng):
    trainer, X, y = make(rng)
    log = io.StringIO()

    def write_line(record):
        return log.write("x")

    with pytest.raises(
        nc.ConfigError, match=r"\[LambdaCallback\(on_epoch_end=write_line\)\] on_epoch_end: .*got 1 \(hint"
    ):
        trainer.fit(X, y, epochs=5, callbacks=[write_line])
    assert trainer.epoch == 1 and log.getvalue() == "x"


def test_what_nobody_awaits_is_an_answer_too(rng):
    trainer, X, y = make(rng)

    async def later(record):
        return None

    with pytest.raises(nc.ConfigError, match=r"later.* got <coroutine"):
        trainer.fit(X, y, callbacks=[later])


def test_the_answer_to_an_error_is_a_note_on_it(rng):
    trainer, X, y = make(rng)

    def fail(record):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as error:
        trainer.fit(X, y, callbacks=[nc.LambdaCallback(on_fit_error=lambda error: 3), fail])
    assert any("on_fit_error" in note and "got 3" in note for note in error.value.__notes__)
