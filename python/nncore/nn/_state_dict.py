"""state_dict and load_state_dict of models: their arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import cast, describe, flag
from nncore.errors import ConfigError
from nncore.nn._normalize import Normalize
from nncore.nn._parameter import checked

_OPTIONAL = "num_batches_tracked"  # an integer, as in PyTorch; there may be none


def model_state(core: Any, normalize: Normalize | None) -> dict[str, NDArray[Any]]:
    """Copies of parameters and buffers by name; a layer in two places is there under both names, as in PyTorch."""
    state: dict[str, NDArray[Any]] = dict(core.copies())
    for name, value in state.items():
        if name.endswith(_OPTIONAL):
            state[name] = value.astype(np.int64)
    if normalize is not None:
        state["input.mean"], state["input.std"] = normalize.mean.copy(), normalize.std.copy()
    return state


def checked_state(
    kind: str, core: Any, normalize: Normalize | None, state: Mapping[str, Any], strict: bool
) -> tuple[list[tuple[NDArray[Any], NDArray[Any]]], Normalize | None]:
    """What loading a state does: (array of the model, its new values) for each, and the model's Normalize after it."""
    flag(kind, "strict", strict)
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise ConfigError(f"[{kind}] state_dict: expected a dict of arrays by name, got {describe(state)}")
    targets: dict[str, NDArray[Any]] = dict(core.entries())  # the arrays themselves, place by place
    known = set(targets) | ({"input.mean", "input.std"} if normalize is not None else set())
    given = {name for name in state if not name.endswith(_OPTIONAL) or name in known}
    if strict:
        missing = sorted(name for name in known - given if not name.endswith(_OPTIONAL))
        unknown = sorted(given - known)
        if missing or unknown:
            parts = [f"{what} {names}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
            raise ConfigError(f"[{kind}] state_dict: expected the keys of this model; {'; '.join(parts)}")
    found = [(targets[name], checked(state[name], targets[name].shape, name)) for name in given if name in targets]
    # Copies: what is given may be views of this model.
    copies = [(target, cast(values, target.dtype).copy()) for target, values in found]
    if normalize is not None and given & {"input.mean", "input.std"}:
        normalize = Normalize(state.get("input.mean", normalize.mean), state.get("input.std", normalize.std))
    return copies, normalize
