"""scikit-learn's solvers: its Adam and SGD as optimizers of nncore, and L-BFGS-B through SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result

from nncore.nn._loss import Loss
from nncore.nn._sequential import Sequential
from nncore.optim._optimizer import Optimizer, fresh
from nncore.optim.optimizers import SGD, Adam

STOCHASTIC = ("sgd", "adam")


def optimizer_for(estimator: Any, scale: float) -> Optimizer:
    """The optimizer of an estimator's settings, for a loss of `scale` times scikit-learn's.

    Gradients are scaled, too: Adam's quotient stays if eps is, SGD's step if the rate is divided.
    """
    if isinstance(estimator.solver, Optimizer):
        return fresh(estimator.solver)
    rate = float(estimator.learning_rate_init)
    if estimator.solver == "sgd":
        momentum = float(estimator.momentum)
        nesterov = bool(estimator.nesterovs_momentum) and momentum > 0
        return SGD(rate / scale, momentum=momentum, nesterov=nesterov)
    betas = (float(estimator.beta_1), float(estimator.beta_2))
    return Adam(rate, betas=betas, eps=float(estimator.epsilon) * scale, eps_hat=True)


def change_rate(optimizer: Optimizer, rate: float) -> None:
    """Another rate for the steps to come.

    scikit-learn's velocity has the rate in it, PyTorch's and nncore's is multiplied by it at each step: so that the
    velocity stays, the buffer is divided by what the rate is multiplied by.
    """
    state = optimizer.state_dict()
    factor = optimizer.lr / rate
    if factor == 1.0:
        return
    for arrays in state["state"].values():
        if "momentum_buffer" in arrays:
            arrays["momentum_buffer"] = arrays["momentum_buffer"] * factor
    optimizer.load_state_dict({**state, "lr": rate})
    optimizer.lr = rate


def minimize_lbfgs(
    estimator: Any, net: Sequential, loss: Loss, data: tuple[Any, Any, Any], scale: float, follow: Any = None
) -> tuple[float, float, int]:
    """L-BFGS-B on all samples, in the net's type; returns loss and penalty, in scikit-learn's units, and iterations.

    `follow` is called after each iteration, with the net at its point.
    """
    X, y, weights = data
    total = float(len(X) if weights is None else np.sum(weights))
    parameters = net.parameters()
    decay = np.concatenate([np.full(p.value.size, float(p.value.ndim > 1)) for p in parameters])
    decay *= float(estimator.alpha) / total
    values = net.flat_parameters

    def value_and_gradient(point: Any) -> tuple[float, Any]:
        values[:] = point
        value, dz = loss(net.forward(X, training=True), y, sample_weight=weights)
        net.zero_grad()
        net.backward(dz)
        penalty = decay * point
        return value / scale + 0.5 * float(penalty @ point), net.flat_gradients / scale + penalty

    def at_iteration(point: Any) -> None:
        values[:] = point
        follow()

    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    result = scipy.optimize.minimize(
        value_and_gradient,
        np.array(values, np.float64),
        method="L-BFGS-B",
        jac=True,
        callback=None if follow is None else at_iteration,
        options=options,
    )
    values[:] = result.x
    net.zero_grad()
    penalty = 0.5 * float(decay @ result.x**2)
    return float(result.fun) - penalty, penalty, int(_check_optimize_result("lbfgs", result, estimator.max_iter))
