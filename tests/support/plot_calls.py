"""A small call of every public plot function, with whatever further arguments a test gives."""

from types import SimpleNamespace

import numpy as np

import nncore as nc
from support.observed import observed

POINTS = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
LABELS = [0, 1, 1, 0]
MODEL = SimpleNamespace(predict=lambda x: (x[:, 0] > 0.5).astype(int))
FIT = SimpleNamespace(epochs={"epoch": [1, 2], "loss": [2.0, 1.0]}, steps={"loss": [2.0, 1.0]})
RUNS = [{"lr": lr, "seed": 0, "loss": 1.0, "seconds": 0.1, "status": "ok"} for lr in (0.1, 0.2)]
RESULT = SimpleNamespace(path=np.array([[2.0, 2.0], [1.0, 1.0], [0.5, 0.5]]), values=np.array([8.0, 2.0, 0.5]))
LINE = SimpleNamespace(predict=lambda x: 2 * x[:, 0])
PLANE = SimpleNamespace(predict=lambda x: x[:, 0] + x[:, 1])
TEST = nc.LRFinderResult(np.logspace(-3, 0, 4), np.array([4.0, 3, 1, 9]), np.array([4.0, 3, 2, 6]), "diverged")
NET = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), seed=0)
MONITOR = observed(NET, dead=lambda name: 0.5, update_ratio=lambda name: 1e-3)

CALLS = {
    "decision_boundary": lambda **how: nc.plot.decision_boundary(MODEL, POINTS, LABELS, resolution=20, **how),
    "history": lambda **how: nc.plot.history(FIT, **how),
    "contour_path": lambda **how: nc.plot.contour_path(lambda x: x @ x, RESULT, resolution=20, **how),
    "gradient_flow": lambda **how: nc.plot.gradient_flow(nc.GradientFlow({"0": 1.0, "2": 10.0}), **how),
    "statistics": lambda **how: nc.plot.statistics(MONITOR, **how),
    "histograms": lambda **how: nc.plot.histograms(MONITOR, **how),
    "dead_units": lambda **how: nc.plot.dead_units(MONITOR, **how),
    "update_ratios": lambda **how: nc.plot.update_ratios(MONITOR, **how),
    "activations": lambda **how: nc.plot.activations(NET, [0.5, 1.0], ["1"], **how),
    "boundary_animation": lambda **how: nc.plot.boundary_animation([MODEL], POINTS, LABELS, resolution=20, **how),
    "sweep": lambda **how: nc.plot.sweep(RUNS, **how),
    "error_curves": lambda **how: nc.plot.error_curves(RESULT, [0.0, 0.0], **how),
    "images": lambda **how: nc.plot.images(np.eye(6).reshape(2, 3, 6), ["a", "b"], **how),
    "filters": lambda **how: nc.plot.filters(nc.Conv2d(3, 4, 2), **how),
    "confusion_matrix": lambda **how: nc.plot.confusion_matrix([0, 1, 1], [0, 1, 0], **how),
    "misclassified": lambda **how: nc.plot.misclassified(MODEL, POINTS, [1, 1, 0, 0], shape=(1, 2), **how),
    "regression_fit": lambda **how: nc.plot.regression_fit(LINE, POINTS[:, :1], POINTS.sum(axis=1), **how),
    "regression_surface": lambda **how: nc.plot.regression_surface(
        PLANE, POINTS, [0.0, 2.5, 1.0, 1.5], resolution=10, **how
    ),
    "predicted_vs_true": lambda **how: nc.plot.predicted_vs_true([0.0, 1.0, 2.0], [0.1, 1.0, 1.5], **how),
    "residuals": lambda **how: nc.plot.residuals([0.0, 1.0, 2.0], [0.1, 1.0, 1.5], **how),
    "roc_curve": lambda **how: nc.plot.roc_curve([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8], **how),
    "loss_surface": lambda **how: nc.plot.loss_surface(NET, nc.MSELoss(), POINTS, np.ones((4, 3)), resolution=5, **how),
    "lr_finder": lambda **how: nc.plot.lr_finder(TEST, **how),
    "network": lambda **how: nc.plot.network(NET, **how),
}
