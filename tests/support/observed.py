"""Monitors made by hand: chosen arrays, measured with NumPy after the table in Monitor's description."""

from types import SimpleNamespace

import numpy as np

import nncore as nc
from nncore.train._observation import STATISTICS, Observation


def observation(arrays, step=0, bins=8, **measured):
    """An Observation of arrays by name; `measured` are functions name -> number of dead, saturated, update_ratio."""
    rows, counts = [], []
    for name, x in arrays.items():
        row = {
            "min": x.min(),
            "max": x.max(),
            "mean": x.mean(),
            "std": x.std(),
            "norm": np.sqrt((x**2).sum()),
            "zeros": (x == 0).mean(),
            "nonfinite": 0.0,
        }
        row |= {key: measured.get(key, lambda name: np.nan)(name) for key in ("dead", "saturated", "update_ratio")}
        rows.append([row[key] for key in STATISTICS])
        counts.append(bins and np.histogram(x, np.linspace(x.min(), x.max(), bins + 1) if np.ptp(x) else bins)[0])
    raw = {
        "step": step,
        "epoch": 1,
        "loss": 1.0,
        "grad_norm": 1.0,
        "names": list(arrays),
        "statistics": np.array(rows),
        "counts": np.array(counts) if bins else None,
    }
    return Observation(raw)


def tensors(net, seed, scale=1.0):
    """An array for every tensor of a net that takes rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(16, net[0].config["in_features"]))
    values = {p.name: scale * rng.normal(size=p.value.shape) for p in net.parameters()}
    values |= {f"{name}.output": out for name, out in net.activations(x).items()}
    return values | {f"{name}.grad": 0.1 * scale * rng.normal(size=v.shape) for name, v in values.items()}


def observed(net, steps=(0, 10, 20), seed=0, bins=8, **measured):
    """A Monitor that saw random numbers of a net, larger from one observation to the next."""
    monitor = nc.Monitor(every=10, bins=bins or 64, histograms=bins > 0)
    monitor.on_fit_begin(SimpleNamespace(model=net, optimizer=nc.SGD()))
    for i, step in enumerate(steps):
        monitor.on_observation(observation(tensors(net, seed + i, 1.0 + i), step, bins, **measured))
    return monitor
