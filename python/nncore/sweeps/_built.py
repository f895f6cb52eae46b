"""What build made of a point, as it determines the numbers of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nncore import _core
from nncore.optim._optimizer import steps_done
from nncore.sweeps._grid import digest
from nncore.sweeps._identity import Identity
from nncore.sweeps._outcome import Point
from nncore.train._trainer import Trainer

_NOT_BITS = ("num_threads",)  # options on which numbers do not depend


class Name(NamedTuple):
    """A run as its sweep names it, whatever build makes of it. `text`: a hash of point, seed, length, metrics and data;
    `code`: of the code of build; `group`: of all that the runs of a sweep have in common."""

    text: str
    code: str
    group: str


def names_of(build: Callable[..., Any], points: list[tuple[Point, int]], facts: Any) -> list[Name]:
    """The names of runs; ConfigError for values that another process would not know again.

    What build reads from outside itself shows in what it makes.
    """
    code = hashed(Identity(reads="nothing").of(build))
    group = hashed([facts, Identity(reads="constants").of(build)])
    return [Name(hashed([_portable(point), seed, facts]), code, group) for point, seed in points]


def _portable(point: Point) -> dict[str, Any]:
    return {name: Identity(strict=name).of(value) for name, value in point.items()}


def key_of(name: Name, trainer: Trainer) -> str:
    """The key of a run in the folder: its name, the code of build, what was built, and the kernel set."""
    return hashed([name.text, name.code, _built(trainer), _core.kernel_set()])


def _built(trainer: Trainer) -> list[Any]:
    identity = Identity()
    options = {name: value for name, value in trainer.options.items() if name not in _NOT_BITS}
    own = {name: value for name, value in vars(trainer).items() if name in dir(Trainer) and callable(value)}
    kind = None if type(trainer) is Trainer else identity.code(type(trainer))
    return [
        identity.of(trainer.model),
        identity.of(trainer.loss),
        identity.of(trainer.optimizer),
        [steps_done(trainer.optimizer), digest(*_state(trainer)) if steps_done(trainer.optimizer) else ""],
        identity.of(options),
        [kind, identity.of(own)],
    ]


def _state(trainer: Trainer) -> list[Any]:
    """The arrays of an optimizer that has done steps before the sweep."""
    state = trainer.optimizer.state_dict().get("state", {})
    return [np.asarray(array) for arrays in state.values() for array in arrays.values()]


def hashed(facts: Any) -> str:
    """A hash of JSON, the same in every process and on every machine."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
