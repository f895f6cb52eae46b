"""state_dict and load_state_dict of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._normalize import Normalize
from nncore._parameter import checked
from nncore._support.checks import cast, describe, flag
from nncore.errors import ConfigError

if TYPE_CHECKING:
    from nncore._sequential import Sequential

_OPTIONAL = "num_batches_tracked"  # an integer, as in PyTorch; there may be none


def model_state(net: Sequential) -> dict[str, NDArray[Any]]:
    """Copies of parameters and buffers by name; a layer in two places is there under both names, as in PyTorch."""
    state: dict[str, NDArray[Any]] = dict(net._core.copies())
    for name, value in state.items():
        if name.endswith(_OPTIONAL):
            state[name] = value.astype(np.int64)
    if net.input is not None:
        state["input.mean"], state["input.std"] = net.input.mean.copy(), net.input.std.copy()
    return state


def _arrays(net: Sequential) -> dict[str, NDArray[Any]]:
    """The arrays themselves, place by place."""
    return dict(net._core.entries())


def load_state(net: Sequential, state: Mapping[str, Any], strict: bool) -> None:
    """Checks everything, then copies everything."""
    flag("Sequential", "strict", strict)
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise ConfigError(f"[Sequential] state_dict: expected a dict of arrays by name, got {describe(state)}")
    targets = _arrays(net)
    own = set(targets) | ({"input.mean", "input.std"} if net.input is not None else set())
    given = {name for name in state if not name.endswith(_OPTIONAL) or name in own}
    if strict:
        missing = sorted(name for name in own - given if not name.endswith(_OPTIONAL))
        unknown = sorted(given - own)
        if missing or unknown:
            parts = [f"{what} {names}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
            raise ConfigError(f"[Sequential] state_dict: expected the keys of this model; {'; '.join(parts)}")
    found = [(targets[name], checked(state[name], targets[name].shape, name)) for name in given if name in targets]
    # Copies: what is given may be views of this model.
    copies = [(target, cast(values, target.dtype).copy()) for target, values in found]
    normalize = net.input
    if net.input is not None and given & {"input.mean", "input.std"}:
        normalize = Normalize(state.get("input.mean", net.input.mean), state.get("input.std", net.input.std))
    with net._core.hold("Sequential.load_state_dict", True):
        core = net._core if normalize is net.input else net._make_core(net.dtype, normalize)
        for target, values in copies:  # from here on nothing fails
            target[...] = values
        net.input, net._core = normalize, core
