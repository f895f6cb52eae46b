"""Two-dimensional patterns no straight line separates: moons, circles, XOR, spirals."""

from __future__ import annotations

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.datasets._common import MAX_VALUES, Floats, Labels, class_labels, shuffled

_MAX_POINTS = MAX_VALUES // 2


def _checked(
    where: str, n: int, least: int, noise: float, seed: int | None, random_state: int | None
) -> tuple[int, float, np.random.Generator]:
    """n, noise and the random generator of a pattern with at least `least` points."""
    return (
        checks.integer(where, "n", n, least, _MAX_POINTS),
        checks.number(where, "noise", noise, low=0.0),
        checks.generator(where, seed, random_state),
    )


def _two_classes(
    where: str, first: Floats, second: Floats, noise: float, rng: np.random.Generator
) -> tuple[Floats, Labels]:
    """The points of classes 0 and 1 in random order, with noise, and their labels."""
    y = np.repeat(np.array([0, 1], dtype=np.int64), [len(first), len(second)])
    return shuffled(where, np.concatenate([first, second]), y, rng, noise)


def _on_circle(angle: Floats) -> Floats:
    return np.column_stack([np.cos(angle), np.sin(angle)])


@keywords(n_samples="did you mean n?", shuffle="samples come in random order already")
def make_moons(
    n: int = 100, *, noise: float = 0.0, seed: int | None = None, random_state: int | None = None
) -> tuple[Floats, Labels]:
    """Two interleaving half circles.

        class 0: (cos t, sin t)            class 1: (1 - cos t, 1/2 - sin t)            t evenly spaced in [0, π]

    Parameters
    ----------
    n : int >= 1, default 100. Points in all; class 0 has n // 2 of them.
    noise : float >= 0, default 0.0. Standard deviation of the Gaussian noise added to each coordinate.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same points; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (n, 2), in random order
    y : int64 (n,), 0 or 1

    Raises
    ------
    ConfigError
        An argument of the wrong type or range, or both seed and random_state.

    Notes
    -----
    Shapes and counts as `sklearn.datasets.make_moons`; other random numbers, from NumPy's PCG64.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(200, noise=0.2, seed=0)
    >>> X.shape, np.bincount(y).tolist()
    ((200, 2), [100, 100])
    """
    n, noise, rng = _checked("make_moons", n, 1, noise, seed, random_state)
    upper = _on_circle(np.linspace(0, np.pi, n // 2))
    lower = np.array([1.0, 0.5]) - _on_circle(np.linspace(0, np.pi, n - n // 2))
    return _two_classes("make_moons", upper, lower, noise, rng)


@keywords(n_samples="did you mean n?", shuffle="samples come in random order already")
def make_circles(
    n: int = 100,
    *,
    noise: float = 0.0,
    factor: float = 0.5,
    seed: int | None = None,
    random_state: int | None = None,
) -> tuple[Floats, Labels]:
    """A circle inside a circle.

        class 0: (cos t, sin t)            class 1: factor · (cos t, sin t)            t evenly spaced in [0, 2π)

    Parameters
    ----------
    n : int >= 1, default 100. Points in all; class 0, the outer circle, has n // 2 of them.
    noise : float >= 0, default 0.0. Standard deviation of the Gaussian noise added to each coordinate.
    factor : float in [0, 1), default 0.5. Radius of the inner circle; the outer one has radius 1.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same points; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (n, 2), in random order
    y : int64 (n,), 0 or 1

    Raises
    ------
    ConfigError
        An argument of the wrong type or range, or both seed and random_state.

    Notes
    -----
    Shapes and counts as `sklearn.datasets.make_circles`, whose factor defaults to 0.8.

    Examples
    --------
    >>> X, y = nc.datasets.make_circles(100, factor=0.25, seed=0)
    >>> bool(np.allclose(np.linalg.norm(X[y == 1], axis=1), 0.25))
    True
    """
    n, noise, rng = _checked("make_circles", n, 1, noise, seed, random_state)
    factor = checks.number("make_circles", "factor", factor, low=0.0, below=1.0)
    outer = _on_circle(np.linspace(0, 2 * np.pi, n // 2, endpoint=False))
    inner = factor * _on_circle(np.linspace(0, 2 * np.pi, n - n // 2, endpoint=False))
    return _two_classes("make_circles", outer, inner, noise, rng)


@keywords(n_samples="did you mean n?")
def make_xor(
    n: int = 100, *, noise: float = 0.0, seed: int | None = None, random_state: int | None = None
) -> tuple[Floats, Labels]:
    """The four quadrants of a square, labelled by exclusive or.

        x uniform in [-1, 1]²            y = [x1 > 0] xor [x2 > 0]

    Parameters
    ----------
    n : int >= 1, default 100. Points in all, dealt to the four quadrants in turn.
    noise : float >= 0, default 0.0. Standard deviation of the Gaussian noise added to each coordinate
        after the labels are set, so that classes overlap along the axes.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same points; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (n, 2), in random order
    y : int64 (n,), 0 or 1

    Raises
    ------
    ConfigError
        An argument of the wrong type or range, or both seed and random_state.

    Notes
    -----
    The problem a single-layer perceptron cannot learn: Minsky, Papert, Perceptrons, 1969.

    Examples
    --------
    >>> X, y = nc.datasets.make_xor(100, seed=0)
    >>> bool(np.array_equal(y, (X[:, 0] > 0) ^ (X[:, 1] > 0)))
    True
    """
    n, noise, rng = _checked("make_xor", n, 1, noise, seed, random_state)
    # 0 (++), 1 (+-), 2 (--), 3 (-+): around the square, so that the class is the quadrant's parity
    quadrant = np.arange(n, dtype=np.int64) % 4
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    distance = 1.0 - rng.random((n, 2))  # in (0, 1]: no point lies on an axis
    return shuffled("make_xor", signs[quadrant] * distance, quadrant % 2, rng, noise)


@keywords(n_samples="did you mean n?")
def make_spirals(
    n: int = 100,
    *,
    classes: int = 2,
    turns: float = 1.0,
    noise: float = 0.0,
    seed: int | None = None,
    random_state: int | None = None,
) -> tuple[Floats, Labels]:
    """Archimedean spirals, one arm per class, from the origin out to radius 1.

        class k: r · (cos t, sin t),   t = 2π (turns · r + k / classes),   r = 1/m, 2/m, …, 1   (m points in the class)

    Parameters
    ----------
    n : int >= classes, default 100. Points in all; the first n % classes classes have one more than the others.
    classes : int >= 1, default 2. Number of arms.
    turns : float in [0, 1e6), default 1.0. Revolutions of an arm; 0 gives straight rays.
    noise : float >= 0, default 0.0. Standard deviation of the Gaussian noise added to each coordinate.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same points; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (n, 2), in random order
    y : int64 (n,), 0…classes-1

    Raises
    ------
    ConfigError
        An argument of the wrong type or range, or both seed and random_state.

    Notes
    -----
    The two-spirals benchmark: Lang, Witbrock, Learning to Tell Two Spirals Apart, 1988, with any number of arms.

    Examples
    --------
    >>> X, y = nc.datasets.make_spirals(300, classes=3, turns=0.5, noise=0.02, seed=0)
    >>> X.shape, np.bincount(y).tolist()
    ((300, 2), [100, 100, 100])
    """
    classes = checks.integer("make_spirals", "classes", classes, 1, _MAX_POINTS)
    n, noise, rng = _checked("make_spirals", n, classes, noise, seed, random_state)
    turns = checks.number("make_spirals", "turns", turns, low=0.0, below=1e6)
    y = class_labels(n, classes)
    sizes = np.bincount(y, minlength=classes)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    r = (np.arange(n) - first[y] + 1) / sizes[y]
    X = r[:, None] * _on_circle(2 * np.pi * (turns * r + y / classes))
    return shuffled("make_spirals", X, y, rng, noise)
