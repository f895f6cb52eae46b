"""What a case is, how a net is trained for one, and how its numbers become hashes.

A case is a function (dtype, threads) -> {part: numbers}; CASES holds them by name. Only public names of nncore are
used, those that every build under comparison has. All data come from NumPy generators with fixed seeds.
"""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import nncore as nc

DTYPES = ("float32", "float64")
CASES: dict[str, Callable[[str, int], dict[str, Any]]] = {}
#: Those of them that train a net for STEPS steps.
NETS: dict[str, "Net"] = {}
STEPS = 20
#: Keys of histories and tables that tell how long something took.
TIMES = {"seconds"}


@dataclass(frozen=True)
class Net:
    """How a net is made and trained; `layers` gives layers or a whole model, new ones for each run."""

    layers: Callable[[], Any]
    sample: tuple[int, ...]
    loss: Callable[[], nc.Loss] = nc.CrossEntropyLoss
    optimizer: Callable[[], nc.Optimizer] = lambda: nc.SGD(lr=0.02, momentum=0.9)
    samples: int = 90  # with batches of 16: five full ones and one of 10 samples
    batch: int | None = 16
    bytes: bool = False  # inputs are uint8
    input: nc.Normalize | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int = STEPS
    seed: int = 1


def case(name: str, run: Callable[[str, int], dict[str, Any]]) -> None:
    """Enters a case."""
    if name in CASES:
        raise ValueError(f"two cases are called {name!r}")
    CASES[name] = run


def net(name: str, layers: Callable[[], Any], sample: tuple[int, ...], **settings: Any) -> None:
    """Enters a net; settings are the fields of Net."""
    made = Net(layers, sample, **settings)
    case(name, lambda dtype, threads: train(made, dtype, threads))
    NETS[name] = made


def public(module: Any, base: type) -> list[str]:
    """The registered classes of a module such as nc.layers."""
    return [
        name for name in module.__all__ if isinstance(getattr(module, name), type) and getattr(module, name) is not base
    ]


def activations() -> list[str]:
    """Layers without arguments or parameters that keep any shape, except Dropout and those that merge.

    Found by calling them: the schemas of older builds have no trait "activation".
    """
    found = []
    for name in public(nc.layers, nc.Layer):
        try:
            layer = getattr(nc, name)()
            shapes = [layer(np.zeros((2, *shape))).shape[1:] == shape for shape in ((3,), (3, 4, 5))]
        except (nc.ConfigError, nc.ShapeError, TypeError):
            continue
        if all(shapes) and name not in ("Dropout", "Add", "Multiply", "Concat"):
            found.append(name)
    return found


def inputs(case: Net) -> Any:
    rng = np.random.default_rng(7)
    shape = (case.samples, *case.sample)
    return rng.integers(0, 256, shape).astype(np.uint8) if case.bytes else rng.normal(size=shape)


def targets(loss: nc.Loss, outputs: tuple[int, ...]) -> Any:
    """Labels, -1 and 1, numbers in [0, 1], counts or values for outputs (N, …), whichever the loss takes."""
    rng = np.random.default_rng(8)
    name = type(loss).__name__
    if name in ("CrossEntropyLoss", "NLLLoss") or (name == "HingeLoss" and outputs[1] > 1):
        return rng.integers(0, outputs[1], outputs[0])
    if name in ("HingeLoss", "PerceptronLoss"):
        return rng.choice([-1, 1], outputs[0])
    if name == "PoissonNLLLoss":
        return rng.poisson(2.0, outputs).astype(np.float64)
    return rng.uniform(size=outputs) if name == "BCEWithLogitsLoss" else rng.normal(size=outputs)


def train(case: Net, dtype: str, threads: int) -> dict[str, Any]:
    """One pass by hand, then STEPS steps of fit, then evaluation."""
    nc.set_num_threads(threads)
    made = case.layers()
    if isinstance(made, list):
        model = nc.Sequential(*made, dtype=dtype, seed=case.seed, input=case.input)
    else:
        model = made.to(dtype)
    X, loss, parts = inputs(case), case.loss(), {}
    few = min(case.samples, 24)
    parts["initial weights"] = before = model.state_dict()
    z = model.forward(X[:few], training=True, seed=5)
    y = targets(loss, (case.samples, *z.shape[1:]))
    value, dz = loss(z, y[:few])
    model.zero_grad()
    dx = model.backward(dz)
    parts["layerwise"] = [z, value, dz, dx, model.flat_gradients, model.activations(X[:few])]

    trainer = nc.Trainer(
        model, loss, case.optimizer(), batch_size=case.batch, seed=3, num_threads=threads, **case.options
    )
    history = trainer.fit(X, y, steps=case.steps, validation_data=(X[:few], y[:few]), progress=False)
    parts["weights"] = after = model.state_dict()
    parts["optimizer"] = trainer.optimizer.state_dict()
    # Before 2026-12-01 losses of epochs were in other units where they are sums; those of steps are as they were.
    sums = ("loss", "val_loss") if loss.config.get("reduction") == "sum" else ()
    parts["history"] = [{key: value for key, value in history.epochs.items() if key not in sums}, history.steps]
    parts["outputs"] = [model(X), model.predict(X[:few]), trainer.evaluate(X, y)]
    if any(isinstance(layer, nc.Linear | nc.Conv2d) for layer in model):
        assert any(not np.array_equal(before[key], after[key]) for key in before), "nothing was trained"
    assert all(np.isfinite(value).all() for value in after.values()), "the weights are not finite"
    return parts


def digest(parts: Mapping[str, Any]) -> dict[str, str]:
    """{part: hash}."""
    hashes = {}
    for part, numbers in parts.items():
        sha = hashlib.sha256()
        _feed(sha, numbers)
        hashes[part] = sha.hexdigest()[:16]
    return hashes


def _feed(sha: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(key for key in value if key not in TIMES):
            sha.update(f"{key!r}:".encode())
            _feed(sha, value[key])
    elif isinstance(value, list | tuple):
        sha.update(f"[{len(value)}".encode())
        for item in value:
            _feed(sha, item)
    elif isinstance(value, np.ndarray):
        sha.update(f"{value.dtype.str}{value.shape}".encode())
        sha.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, float | np.floating):
        sha.update(float(value).hex().encode())
    elif value is None or isinstance(value, str | int | np.integer):
        sha.update(repr(value if value is None or isinstance(value, str) else int(value)).encode())
    else:
        raise TypeError(f"no hash for a {type(value).__name__}")


def few(names: list[str], one_in: int) -> list[str]:
    """One name in so many, the same ones in every build whatever else is entered."""
    return [name for name in names if zlib.crc32(name.encode()) % one_in == 0]
