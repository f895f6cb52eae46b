"""Reference implementations of the optimizers: rule(args, t, rate, w, g, state) -> (new w, new state); t is 1 for the
first step.

`state` maps names to arrays; they start from 0, or from what `start` says.
"""

from types import SimpleNamespace

import numpy as np

from support.reference import reference


@reference("optimizer", "SGD")
class SGD:
    @staticmethod
    def state_names(a):
        return ["momentum_buffer"] if a.momentum else []

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        if not a.momentum:
            return w - rate * g, {}
        v = g if t == 1 else a.momentum * state["momentum_buffer"] + (1 - a.dampening) * g
        return w - rate * (g + a.momentum * v if a.nesterov else v), {"momentum_buffer": v}


@reference("optimizer", "Adam")
class Adam:
    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_avg_sq"] + (["max_exp_avg_sq"] if a.amsgrad else [])

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        b1, b2 = a.betas
        m = b1 * state["exp_avg"] + (1 - b1) * g
        v = b2 * state["exp_avg_sq"] + (1 - b2) * g * g
        new = {"exp_avg": m, "exp_avg_sq": v}
        top = v
        if a.amsgrad:
            top = new["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
        c1, c2 = (1 - b1**t, 1 - b2**t) if a.bias_correction else (1.0, 1.0)
        root = np.sqrt(top / c2 + a.eps) if a.eps_inside_sqrt else np.sqrt(top / c2) + a.eps
        return w - rate * (m / c1) / root, new


@reference("optimizer", "AdamW")
class AdamW(Adam):
    @staticmethod
    def rule(a, t, rate, w, g, state):
        plain = SimpleNamespace(**{**vars(a), "weight_decay": 0.0})
        moved, new = Adam.rule(plain, t, rate, w, g, state)
        return moved - rate * a.weight_decay * w, new


@reference("optimizer", "RMSprop")
class RMSprop:
    @staticmethod
    def state_names(a):
        return ["square_avg"] + ["momentum_buffer"] * (a.momentum > 0) + ["grad_avg"] * a.centered

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        new = {"square_avg": a.alpha * state["square_avg"] + (1 - a.alpha) * g**2}
        spread = new["square_avg"]
        if a.centered:
            new["grad_avg"] = a.alpha * state["grad_avg"] + (1 - a.alpha) * g
            spread = spread - new["grad_avg"] ** 2
        step = g / (np.sqrt(spread) + a.eps)
        if a.momentum:
            step = new["momentum_buffer"] = a.momentum * state["momentum_buffer"] + step
        return w - rate * step, new


@reference("optimizer", "Adagrad")
class Adagrad:
    @staticmethod
    def state_names(a):
        return ["sum"]

    @staticmethod
    def start(a):
        return a.initial_accumulator_value

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        total = state["sum"] + g**2
        return w - rate / (1 + (t - 1) * a.lr_decay) * g / (np.sqrt(total) + a.eps), {"sum": total}


@reference("optimizer", "Adadelta")
class Adadelta:
    @staticmethod
    def state_names(a):
        return ["square_avg", "acc_delta"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        v = a.rho * state["square_avg"] + (1 - a.rho) * g**2
        step = g * np.sqrt((state["acc_delta"] + a.eps) / (v + a.eps))
        return w - rate * step, {"square_avg": v, "acc_delta": a.rho * state["acc_delta"] + (1 - a.rho) * step**2}


@reference("optimizer", "Adamax")
class Adamax:
    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_inf"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        g = g + a.weight_decay * w
        m = a.betas[0] * state["exp_avg"] + (1 - a.betas[0]) * g
        u = np.maximum(a.betas[1] * state["exp_inf"], np.abs(g) + a.eps)
        return w - rate * m / (1 - a.betas[0] ** t) / u, {"exp_avg": m, "exp_inf": u}


def _adam_averages(a, w, g, state):
    """The weight after decay by itself, the gradient after decay through it, and both averages."""
    if a.decoupled_weight_decay:
        decayed, gradient = a.weight_decay * w, g
    else:
        decayed, gradient = 0.0, g + a.weight_decay * w
    m = a.betas[0] * state["exp_avg"] + (1 - a.betas[0]) * gradient
    v = a.betas[1] * state["exp_avg_sq"] + (1 - a.betas[1]) * gradient**2
    return decayed, gradient, {"exp_avg": m, "exp_avg_sq": v}


@reference("optimizer", "NAdam")
class NAdam:
    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_avg_sq"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        decayed, g, new = _adam_averages(a, w, g, state)
        mu = a.betas[0] * (1 - 0.5 * 0.96 ** (a.momentum_decay * np.arange(1, t + 2)))  # mu_1 ... mu_{t+1}
        product, next_product = np.prod(mu[:-1]), np.prod(mu)
        step = (1 - mu[-2]) / (1 - product) * g + mu[-1] / (1 - next_product) * new["exp_avg"]
        root = np.sqrt(new["exp_avg_sq"] / (1 - a.betas[1] ** t)) + a.eps
        return w - rate * decayed - rate * step / root, new


@reference("optimizer", "RAdam")
class RAdam:
    @staticmethod
    def state_names(a):
        return ["exp_avg", "exp_avg_sq"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        decayed, g, new = _adam_averages(a, w, g, state)
        b2 = a.betas[1]
        step = new["exp_avg"] / (1 - a.betas[0] ** t)
        rho = 2 / (1 - b2) - 1
        rho_t = rho - 2 * t * b2**t / (1 - b2**t)
        if rho_t > 5:
            r = np.sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
            step = r * step * np.sqrt(1 - b2**t) / (np.sqrt(new["exp_avg_sq"]) + a.eps)
        return w - rate * decayed - rate * step, new


@reference("optimizer", "Lion")
class Lion:
    @staticmethod
    def state_names(a):
        return ["exp_avg"]

    @staticmethod
    def rule(a, t, rate, w, g, state):
        b1, b2 = a.betas
        m = state["exp_avg"]
        direction = np.sign(b1 * m + (1 - b1) * g)
        return w - rate * (direction + a.weight_decay * w), {"exp_avg": b2 * m + (1 - b2) * g}
