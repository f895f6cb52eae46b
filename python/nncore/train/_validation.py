"""The data of a fit: names of columns that agree, and the validation_split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe, number, real_array
from nncore._support.tables import Names, check_columns, columns_of
from nncore.datasets._split import held_out
from nncore.errors import ConfigError, ShapeError
from nncore.nn._loss import Loss, has_classes


def checked_columns(where: str, known: Names | None, X: Any, held_out: Mapping[str, Any]) -> Names | None:
    """The names of the columns of the samples X, `known` if they have none; the pairs held out by name must have the
    same."""
    given = columns_of(X)
    if given is not None and known is not None:
        check_columns(f"[{where}]", X, known, "X[trainer.columns]")
    columns = known if known is not None else given
    for name, pair in held_out.items():
        if columns is not None and pair is not None:
            mend = "Xv[trainer.columns]" if given is None else "Xv[X.columns]"
            check_columns(f"[{where}] {name}:", pair[0], columns, mend)
    return columns


class Samples(NamedTuple):
    """Samples, their targets, and what each counts (None: all alike), as a fit is given them."""

    X: Any
    y: Any
    sample_weight: Any = None


def samples_of(where: str, name: str, given: object) -> Samples | None:
    """`given` as samples: a pair (X, y) or (X, y, sample_weight); None for None."""
    if given is None:
        return None
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise ConfigError(f"[{where}] {name}: expected (X, y) or (X, y, sample_weight), got {describe(given)}")
    return Samples(*given)


def split_off(train: Samples, fraction: float, seed: int, loss: Loss) -> tuple[Samples, Samples | None]:
    """(training, validation samples) for a fraction of the samples to hold out; None for 0.

    Labels (N,) are split class by class. Both parts keep the order of the data; of a DataFrame they are such.
    """
    share = number("fit", "validation_split", fraction, 0.0, 1.0)
    if share == 0.0:
        return train, None
    try:
        samples, targets = real_array("fit", "X", train.X), real_array("fit", "y", train.y)
    except (ConfigError, ShapeError):  # the core refuses them as without a split
        return train, None
    held = held_mask("fit", samples, targets, share, seed, loss)
    if held is None:
        return train, None
    X = train.X
    rows = X.iloc if hasattr(X, "iloc") and hasattr(X, "columns") else samples
    if train.sample_weight is None:
        return Samples(rows[~held], targets[~held]), Samples(rows[held], targets[held])
    weights = real_array("fit", "sample_weight", train.sample_weight)
    if weights.shape != held.shape:
        raise ShapeError(f"[fit] sample_weight: expected one number for each sample, {held.shape}, got {weights.shape}")
    kept = ~held
    return Samples(rows[kept], targets[kept], weights[kept]), Samples(rows[held], targets[held], weights[held])


def held_mask(
    where: str, samples: NDArray[Any], targets: NDArray[Any], share: float, seed: int, loss: Loss | None = None
) -> NDArray[np.bool_] | None:
    """The samples to hold out; None for a share of 0, and for arrays that do not fit, of which the core says so."""
    if share == 0.0 or samples.ndim == 0 or targets.ndim == 0 or len(samples) != len(targets):
        return None
    n = len(samples)
    count = round(share * n)
    if not 1 <= count < n:
        raise ConfigError(
            f"[{where}] validation_split: expected a share of the {n} samples that leaves some in both parts, "
            f"got {share:g}"
        )
    held: NDArray[np.bool_] = held_out(n, count, seed, targets if _are_labels(targets, loss) else None)
    return held


def _are_labels(targets: NDArray[Any], loss: Loss | None) -> bool:
    """Whether they are integers, or whole floats for a loss with classes."""
    if targets.ndim != 1 or targets.dtype.kind != "f":
        return targets.ndim == 1
    return loss is not None and has_classes(loss, targets) and bool((np.floor(targets) == targets).all())
