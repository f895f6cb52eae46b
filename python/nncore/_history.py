"""History: what a fit tells."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FACTS = ("epoch", "lr", "seconds")


class History:
    """What happened during a fit.

    Attributes
    ----------
    epochs : dict of arrays
        "epoch" (from 1), "loss" (mean over the epoch's steps, penalties included, each before its update), "lr" (at
        its start), "seconds", and where they were asked for "accuracy" (fraction, of the same outputs as loss),
        "val_loss" (without penalties), "val_accuracy", "test_loss", "test_accuracy", and other metrics likewise.
    steps : dict of arrays
        "step" (from 1, the optimizer's count), "loss", "lr", and "grad_norm" when gradients are clipped by norm. Beyond a million steps only
        every second, fourth, … is kept.
    interrupted : bool
        Ended by Ctrl-C.
    n_steps : int
        Updates done.
    seconds : float
        Duration of the fit.

    `history["val_loss"]` is short for `history.epochs["val_loss"]`.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.epochs: dict[str, NDArray[Any]] = result["epochs"]
        loss = result["step_loss"]
        first, stride = result["first_step"] + 1, result["stride"]
        self.steps: dict[str, NDArray[Any]] = {
            "step": np.arange(first, first + stride * len(loss), stride, dtype=np.int64),
            "loss": loss,
            "lr": result["step_lr"],
        }
        if len(result["step_grad_norm"]):
            self.steps["grad_norm"] = result["step_grad_norm"]
        self.interrupted: bool = result["interrupted"]
        self.n_steps: int = result["steps"]
        self.seconds: float = result["seconds"]

    def __getitem__(self, key: str) -> NDArray[Any]:
        return self.epochs[key]

    def __contains__(self, key: object) -> bool:
        return key in self.epochs

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON."""
        return {
            "epochs": {key: values.tolist() for key, values in self.epochs.items()},
            "steps": {key: values.tolist() for key, values in self.steps.items()},
            "interrupted": self.interrupted,
            "n_steps": self.n_steps,
            "seconds": self.seconds,
        }

    def to_csv(self, path: Any) -> None:
        """Writes the epochs as a table with a header."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(self.epochs)
            writer.writerows(zip(*(values.tolist() for values in self.epochs.values()), strict=True))

    def plot(self, ax: Any = None) -> Any:
        """`nc.plot.history` of this history."""
        from nncore import plot

        return plot.history(self, ax=ax)

    def __repr__(self) -> str:
        n = len(self.epochs["epoch"])
        micros = 1e6 * self.seconds / self.n_steps if self.n_steps else 0.0
        parts = [f"{n} epoch{'s' if n != 1 else ''}", f"{self.n_steps} steps of {micros:.2f} µs", f"{self.seconds:.2f} s"]
        if n:
            parts += [f"{k} {self.epochs[k][-1]:.4f}" for k in self.epochs if k not in _FACTS]
        if self.interrupted:
            parts.append("interrupted")
        return f"History({', '.join(parts)})"
